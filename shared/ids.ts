import { z } from "zod";

/**
 * Every id is `<prefix>_` and 26 lower-case Crockford base32 digits of a UUIDv7 (RFC 9562). Ids of one kind sort by
 * their time of creation, even within one millisecond of one process.
 */
export type IdPrefix =
  | "job"
  | "exe"
  | "node"
  | "usr"
  | "biz"
  | "ses"
  | "srv"
  | "crd"
  | "sch"
  | "fire"
  | "tpl"
  | "art"
  | "pack"
  | "sec"
  | "key"
  | "enr"
  | "inv"
  | "pk"
  | "trash";

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_DIGITS = 26;
/** As many as an UUID has. */
const ID_HEX_DIGITS = 32;

/** The bits of a UUIDv7 after its milliseconds. */
const RANDOM_BITS = 80n;

export function newId(prefix: IdPrefix): string {
  return spell(prefix, BigInt(`0x${Bun.randomUUIDv7("hex").replaceAll("-", "")}`));
}

/** The lowest id of a time: no id made then or later sorts before it. */
export function firstIdAt(prefix: IdPrefix, atMs: number): string {
  return spell(prefix, BigInt(Math.max(0, Math.floor(atMs))) << RANDOM_BITS);
}

/** The id that belongs to a text, always the same one. Its time means nothing. */
export function idFrom(prefix: IdPrefix, text: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  return spell(prefix, BigInt(`0x${digest.slice(0, ID_HEX_DIGITS)}`));
}

function spell(prefix: IdPrefix, number: bigint): string {
  let value = number;
  let digits = "";
  for (let i = 0; i < ID_DIGITS; i++) {
    digits = DIGITS.charAt(Number(value & 31n)) + digits;
    value >>= 5n;
  }
  return `${prefix}_${digits}`;
}

/** When an id was made, in epoch milliseconds: the first 48 of its 130 bits. */
export function idTimeMs(id: string): number {
  let value = 0n;
  for (const digit of id.slice(id.indexOf("_") + 1)) value = (value << 5n) | BigInt(DIGITS.indexOf(digit));
  return Number(value >> RANDOM_BITS);
}

/** A schema for ids of one kind. A well-formed id without a row gives a 404, a malformed id a 400. */
export function idSchema(prefix: IdPrefix) {
  return z.string().regex(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{${ID_DIGITS}}$`), {
    error: `must be an id like ${prefix}_${"0".repeat(ID_DIGITS)}`,
  });
}

export const jobId = idSchema("job");
export const executionId = idSchema("exe");
export const nodeId = idSchema("node");
export const userId = idSchema("usr");
export const sessionId = idSchema("ses");
export const scheduleId = idSchema("sch");
export const fireId = idSchema("fire");
export const templateId = idSchema("tpl");
export const artifactId = idSchema("art");
