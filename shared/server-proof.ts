import { z } from "zod";
import { once } from "./once.ts";

/** A server's public key: the 32 bytes of an Ed25519 key as base64url. */
export const serverKey = once(() =>
  z.string().regex(/^[A-Za-z0-9_-]{43}$/, { error: "must be a server's key" }),
);

/** A random value the client makes for one proof, so no older proof can be replayed. */
export const proofNonce = once(() =>
  z.string().regex(/^[A-Za-z0-9_-]{22,86}$/, { error: "must be 16 to 64 bytes as base64url" }),
);
