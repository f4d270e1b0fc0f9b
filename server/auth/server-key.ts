import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { SessionStore } from "./session-store.ts";

/** The bytes before the 32 secret bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** The key by which clients recognize this server. It is in the store, so all servers of a store share it. */
export class ServerKey {
  private constructor(
    private readonly key: KeyObject,
    /** The public half, in the form that clients keep. */
    readonly publicKey: string,
  ) {}

  static async open(sessions: SessionStore): Promise<ServerKey> {
    const secret = await sessions.secret("server-identity");
    const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: "der", type: "pkcs8" });
    const { x } = createPublicKey(key).export({ format: "jwk" });
    if (x === undefined) throw new Error("The server's key has no public half");
    return new ServerKey(key, x);
  }

  sign(text: Uint8Array): string {
    return sign(null, text, this.key).toString("base64url");
  }
}
