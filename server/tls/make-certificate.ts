import { type KeyObject, randomBytes } from "node:crypto";
import { isIP } from "node:net";

/** A name that every certificate of ours has, so that clients which know its key can check one name everywhere. */
export const OWN_NAME = "tanvrit-compute";

const DAY_MS = 24 * 3_600_000;
/** Browsers accept no certificate for longer (398 days). */
const VALID_MS = 397 * DAY_MS;
/** Clients whose clocks are behind accept it too. */
const BACKDATED_MS = 7 * DAY_MS;
const SERIAL_BYTES = 16;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes a certificate that its own key signs, for these names and addresses. As PEM. */
export async function makeCertificate(
  key: KeyObject,
  names: readonly string[],
  nowMs: number,
): Promise<string> {
  // Few servers make a certificate, and seldom.
  await import("reflect-metadata"); // which the next one needs
  const x509 = await import("@peculiar/x509");
  const { subtle } = globalThis.crypto;
  const privateKey = await subtle.importKey("jwk", jwkOf(key), ALGORITHM, true, ["sign"]);
  const { d: _, ...publicJwk } = jwkOf(key);
  const publicKey = await subtle.importKey("jwk", publicJwk, ALGORITHM, true, ["verify"]);
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // Positive, and of a fixed length.
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString("hex"),
    name: `CN=${OWN_NAME}`,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs - BACKDATED_MS + VALID_MS),
    signingAlgorithm: ALGORITHM,
    keys: { privateKey, publicKey },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

function jwkOf(key: KeyObject): JsonWebKey {
  return key.export({ format: "jwk" }) as JsonWebKey;
}
