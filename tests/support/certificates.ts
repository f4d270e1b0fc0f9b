import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { TlsKeys } from "../../server/http/listener.ts";
import { makeCertificate } from "../../server/tls/make-certificate.ts";

export type { TlsKeys };

/** A new private key for certificates. */
export function newTlsKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A certificate that no authority signed, as PEM, with its key. */
export async function selfSigned(
  key = newTlsKey(),
  names: readonly string[] = ["compute.example.org"],
  nowMs = Date.now(),
): Promise<TlsKeys> {
  const cert = await makeCertificate(key, names, nowMs);
  return { cert, key: key.export({ type: "pkcs8", format: "pem" }) as string };
}

/** The key of a pair made by `selfSigned`. */
export function keyIn({ key }: TlsKeys): KeyObject {
  return createPrivateKey(key);
}
