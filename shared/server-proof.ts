import { z } from "zod";

/** A server's public key: the 32 bytes of an Ed25519 key. */
export const serverKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/, { error: "must be a server's key" });

/** What a client made up for one proof, so that no other one can be used again. */
export const proofNonce = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22,86}$/, { error: "must be 16 to 64 bytes as base64url" });

/**
 * What a server signs to prove that it has the key of `serverKey` and that this URL, at which the client speaks to it,
 * is its own: who passes it on from another address proves nothing.
 */
export function proofText(nonce: string, url: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`tanvrit-compute server identity 1\n${nonce}\n${url}\n`);
}
