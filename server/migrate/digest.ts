import { Binary, type Document, ObjectId } from "mongodb";

const MODULUS = 2n ** 256n;

/**
 * Counts documents and sums up what they hold, whatever order they come in: two stores hold the same where both agree.
 * The sum is one of SHA-256 hashes, and blind to nothing but the order of fields.
 */
export class Digest {
  documents = 0;
  private sum = 0n;

  add(document: Document): void {
    const hash = new Bun.CryptoHasher("sha256").update(canonical(document)).digest("hex");
    this.sum = (this.sum + BigInt(`0x${hash}`)) % MODULUS;
    this.documents += 1;
  }

  get checksum(): string {
    return this.sum.toString(16).padStart(64, "0");
  }
}

/** The same text for the same content, as it was made from a row and as the store gives it back. */
function canonical(document: Document): string {
  const { _id, ...rest } = document;
  // The store makes an id of its own where the document has none that means anything.
  return JSON.stringify(plainValue(_id === undefined || _id instanceof ObjectId ? rest : document));
}

function plainValue(value: unknown): unknown {
  if (value instanceof Binary) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === null || typeof value !== "object") return value;
  // 64-bit integers, which the driver reads as numbers.
  if ("_bsontype" in value) return Number(value);
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plainValue(v)]));
}
