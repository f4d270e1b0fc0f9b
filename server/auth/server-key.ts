import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { ed25519Key } from "./ed25519.ts";
import type { SessionStore } from "./session-store.ts";

/** The key by which clients recognize this server. It is in the store, so all servers of a store share it. */
export class ServerKey {
  private constructor(
    private readonly key: KeyObject,
    /** The public half, in the form that clients keep. */
    readonly publicKey: string,
  ) {}

  static async open(sessions: SessionStore): Promise<ServerKey> {
    const key = ed25519Key(await sessions.secret("server-identity"));
    const { x } = createPublicKey(key).export({ format: "jwk" });
    if (x === undefined) throw new Error("The server's key has no public half");
    return new ServerKey(key, x);
  }

  sign(text: Uint8Array): string {
    return sign(null, text, this.key).toString("base64url");
  }
}
