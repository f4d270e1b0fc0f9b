import { Binary, type Document, ObjectId } from "mongodb";

const MODULUS = 2n ** 256n;

/**
 * Counts documents and sums their SHA-256 hashes, in any order. Two stores have the same data if count and sum agree; the
 * order of fields within a document does not matter.
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

/** The same text for the same content, whether the document was made from a row or read back from the store. */
function canonical(document: Document): string {
  const { _id, ...rest } = document;
  // MongoDB generates an id for a document without one, so a generated id is left out.
  return JSON.stringify(plainValue(_id === undefined || _id instanceof ObjectId ? rest : document));
}

function plainValue(value: unknown): unknown {
  if (value instanceof Binary) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === null || typeof value !== "object") return value;
  // A 64-bit integer, which the driver reads back as a number.
  if ("_bsontype" in value) return Number(value);
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plainValue(v)]));
}
