import { hexOf } from "../shared/hex.ts";

const TIME_DIGITS = 12;
const RANDOM_BYTES = 10;

/**
 * A key that nobody else has: 32 hex digits, as many as an UUIDv7 has, the time in milliseconds first. A store keeps keys that
 * grow with time far more cheaply than random ones. Browsers have `crypto.randomUUID` only on pages that came over TLS or
 * from this machine.
 */
export function randomKey(): string {
  const time = Date.now().toString(16).padStart(TIME_DIGITS, "0");
  return time + hexOf(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
}
