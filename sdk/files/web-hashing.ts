import { hexOf } from "../../shared/hex.ts";
import type { Hashing, RunningHash } from "./hashing.ts";

/**
 * SHA-256 by WebCrypto, in every runtime. WebCrypto hashes only what is all there, and browsers have it only on pages that
 * came over TLS or from this machine; the rest is done by a library, which is loaded when it is needed.
 */
export const webHashing: Hashing = {
  async digest(bytes) {
    if (globalThis.crypto.subtle === undefined) return hexOf((await library()).sha256(bytes));
    return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
  },
  async start(): Promise<RunningHash> {
    const hash = (await library()).sha256.create();
    return { update: (bytes) => void hash.update(bytes), hex: () => hexOf(hash.digest()) };
  },
};

function library() {
  return import("@noble/hashes/sha2.js");
}
