/**
 * The text a server signs to prove that it holds the private key of `serverKey` and that the client's URL is its own. A
 * program that relays the request from another address proves nothing.
 */
export function proofText(nonce: string, url: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`tanvrit-compute server identity 1\n${nonce}\n${url}\n`);
}
