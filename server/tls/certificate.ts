import { createPrivateKey, X509Certificate } from "node:crypto";
import { pinOfCertificate } from "../../shared/pin-of-certificate.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import { textOf } from "../../shared/text-of.ts";

/** A certificate that is good to serve, with its key. */
export interface Certificate {
  /** PEM: the certificate, then those of the authorities between it and its root. */
  chain: string;
  /** PEM, PKCS #8. */
  key: string;
  /** What clients that know its key keep of it. */
  pin: ServerPin;
  validUntilMs: number;
}

/** The server cannot serve this certificate; the message says why. */
export class CertificateError extends Error {
  override name = "CertificateError";
}

/** Checks a certificate and its key. Throws CertificateError. The names are for its messages. */
export function readCertificate(
  chain: string,
  key: string,
  names: { chain: string; key: string },
): Certificate {
  const certificate = parsed(names.chain, "certificate", () => new X509Certificate(chain));
  if (/^-----BEGIN (ENCRYPTED |.*\n.*ENCRYPTED)/m.test(key))
    throw new CertificateError(`the key in ${names.key} is protected by a password; remove that first`);
  const privateKey = parsed(names.key, "private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new CertificateError(
      `the key in ${names.key} is not the one of the first certificate in ${names.chain}`,
    );
  return {
    chain,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    pin: pinOfCertificate(certificate),
    validUntilMs: certificate.validToDate.getTime(),
  };
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new CertificateError(`${file} holds no ${what} in PEM that can be read (${textOf(cause)})`, {
      cause,
    });
  }
}
