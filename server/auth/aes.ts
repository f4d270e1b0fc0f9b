import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const CIPHER = "aes-256-gcm";
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What encryption adds to the length of a text. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

/**
 * Encrypts with AES-256-GCM: nonce, ciphertext, tag. The result opens only with the same key and context.
 * @param nonce never give the same nonce for two different texts under one key; absent: a random one.
 */
export function encrypt(key: Uint8Array, plain: Uint8Array, context: string, nonce?: Uint8Array): Uint8Array {
  const used = nonce ?? randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, used).setAAD(Buffer.from(context));
  return Buffer.concat([used, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The text, or undefined if it was sealed with another key, for another context, or changed since. */
export function decrypt(key: Uint8Array, sealed: Uint8Array, context: string): Uint8Array | undefined {
  if (sealed.length < SEAL_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
