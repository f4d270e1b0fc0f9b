/**
 * A pack carries blobs in one body: for each blob a header, then its bytes. The header has 40 bytes: the SHA-256 digest
 * (32 bytes) and the length (8 bytes, big-endian).
 */
export const PACK_TYPE = "application/vnd.tanvrit.pack";
export const PACK_HEADER_BYTES = 40;
export const DIGEST_BYTES = 32;

/** @param sha256 in 64 hex digits. */
export function packHeader(sha256: string, bytes: number): Uint8Array {
  const header = new Uint8Array(PACK_HEADER_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) header[i] = Number.parseInt(sha256.slice(2 * i, 2 * i + 2), 16);
  new DataView(header.buffer).setBigUint64(DIGEST_BYTES, BigInt(bytes));
  return header;
}
