import { createHash, type X509Certificate } from "node:crypto";
import type { ServerPin } from "./server-pin.ts";

/** What a client keeps of a certificate to know its server again. */
export function pinOfCertificate(certificate: X509Certificate): ServerPin {
  return {
    fingerprint: fingerprintOf(certificate),
    certificate: certificate.raw.toString("base64"),
    name: nameOf(certificate),
  };
}

function fingerprintOf({ publicKey }: X509Certificate): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(spki).digest("base64").replace(/=+$/, "")}`;
}

/** A name that the certificate is for. Its key says which server it is, so any of its names will do. */
function nameOf({ subjectAltName = "", subject = "" }: X509Certificate): string {
  const dns = /(?:^|, )DNS:([^,\s"]+)/.exec(subjectAltName)?.[1];
  const ip = /(?:^|, )IP Address:([^,\s"]+)/.exec(subjectAltName)?.[1];
  const common = /(?:^|\n)CN=([^\n]+)/.exec(subject)?.[1];
  return (dns ?? ip ?? common ?? "tanvrit-compute").replace(/^\*/, "any");
}
