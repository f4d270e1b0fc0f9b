import { createECDH, createPrivateKey, hkdfSync, type KeyObject } from "node:crypto";
import type { SessionStore } from "../auth/session-store.ts";

const CURVE = "prime256v1";
/** The number of points of the curve P-256 (FIPS 186-5); a private key is a number from 1 to this minus 1. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** 16 bytes more than the order has, so that the remainder is spread evenly (FIPS 186-5, A.2.1). */
const SEED_BYTES = 48;
const KEY_BYTES = 32;

/** The key of the server's own certificates. It comes from the store, so all servers of a store have the same one. */
export async function tlsKey(sessions: Pick<SessionStore, "secret">): Promise<KeyObject> {
  const secret = await sessions.secret("tls-certificate");
  const seed = Buffer.from(hkdfSync("sha256", secret, "", "tanvrit-compute tls P-256", SEED_BYTES));
  const number = (BigInt(`0x${seed.toString("hex")}`) % (ORDER - 1n)) + 1n;
  const d = Buffer.from(number.toString(16).padStart(2 * KEY_BYTES, "0"), "hex");
  const ecdh = createECDH(CURVE);
  ecdh.setPrivateKey(d);
  // 0x04, then both coordinates.
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 1 + KEY_BYTES), point.subarray(1 + KEY_BYTES)];
  const jwk = { kty: "EC", crv: "P-256", d: base64url(d), x: base64url(x), y: base64url(y) };
  return createPrivateKey({ key: jwk, format: "jwk" });
}

function base64url(bytes: Buffer): string {
  return bytes.toString("base64url");
}
