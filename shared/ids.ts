import { ID_DIGITS, type IdPrefix, idSchema } from "./id-schema.ts";

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_BYTES = 16;
const DIGIT_BITS = 5;
/** The digits of an id have this many bits more than its bytes. They come first and are 0. */
const SPARE_BITS = ID_DIGITS * DIGIT_BITS - ID_BYTES * 8;

/** A UUIDv7 begins with its milliseconds. */
const TIME_BYTES = 6;
const TIME_DIGITS = (SPARE_BITS + TIME_BYTES * 8) / DIGIT_BITS;

export function newId(prefix: IdPrefix): string {
  return spell(prefix, Bun.randomUUIDv7("buffer"));
}

/** The lowest id of a time: no id made then or later sorts before it. */
export function firstIdAt(prefix: IdPrefix, atMs: number): string {
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeUIntBE(Math.max(0, Math.floor(atMs)), 0, TIME_BYTES);
  return spell(prefix, bytes);
}

/** The id that belongs to a text, always the same one. Its time means nothing. */
export function idFrom(prefix: IdPrefix, text: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(text).digest();
  return spell(prefix, digest.subarray(0, ID_BYTES));
}

function spell(prefix: IdPrefix, bytes: Uint8Array): string {
  let id = `${prefix}_`;
  let left = 0;
  let leftBits = SPARE_BITS;
  for (const byte of bytes) {
    left = (left << 8) | byte;
    leftBits += 8;
    while (leftBits >= DIGIT_BITS) {
      leftBits -= DIGIT_BITS;
      id += DIGITS.charAt(left >> leftBits);
      left &= (1 << leftBits) - 1;
    }
  }
  return id;
}

/** When an id was made, in epoch milliseconds. */
export function idTimeMs(id: string): number {
  const start = id.indexOf("_") + 1;
  let value = 0;
  for (const digit of id.slice(start, start + TIME_DIGITS))
    value = value * DIGITS.length + DIGITS.indexOf(digit);
  return value;
}

export const jobId = idSchema("job");
export const executionId = idSchema("exe");
export const nodeId = idSchema("node");
export const userId = idSchema("usr");
export const scheduleId = idSchema("sch");
export const fireId = idSchema("fire");
export const templateId = idSchema("tpl");
export const artifactId = idSchema("art");
