/** `String.fromCharCode` takes no more arguments than fit on the stack. */
const CHARACTERS_AT_ONCE = 8_192;

/** Bytes as base64 (RFC 4648 §4), in every runtime. */
export function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS_AT_ONCE));
  return btoa(binary);
}

/** The bytes of base64. Throws DOMException if it is not base64. */
export function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
