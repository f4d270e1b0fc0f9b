import { z } from "zod";

/** A server's public key: the 32 bytes of an Ed25519 key as base64url. */
export const serverKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/, { error: "must be a server's key" });

/** A random value the client makes for one proof, so no older proof can be replayed. */
export const proofNonce = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22,86}$/, { error: "must be 16 to 64 bytes as base64url" });

/**
 * The text a server signs to prove that it holds the private key of `serverKey` and that the client's URL is its own. A
 * program that relays the request from another address proves nothing.
 */
export function proofText(nonce: string, url: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`tanvrit-compute server identity 1\n${nonce}\n${url}\n`);
}
