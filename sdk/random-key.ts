import { hexOf } from "../shared/hex.ts";

const RANDOM_BYTES = 16;

/**
 * A key that nobody else has: 32 hex digits. Browsers have `crypto.randomUUID` only on pages that came over TLS or from
 * this machine.
 */
export function randomKey(): string {
  return hexOf(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
}
