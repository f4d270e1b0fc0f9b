import type { KeyObject } from "node:crypto";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { type Certificate, CertificateError, readCertificate } from "./certificate.ts";
import { makeCertificate } from "./make-certificate.ts";

/** Where the server's certificate comes from. */
export interface CertificateSource {
  /** The certificate to serve now. Throws CertificateError if there is none that is good. */
  read(nowMs: number): Promise<Certificate>;
  /** How often to read it again. */
  readonly everyMs: number;
}

const FILES_EVERY_MS = 2_000;
const OWN_EVERY_MS = 3_600_000;
const RENEW_BEFORE_MS = 30 * 24 * 3_600_000;
const OWN_FILE = "tls-certificate.pem";

/** The files of `--tls-cert` and `--tls-key`. */
export class CertificateFiles implements CertificateSource {
  readonly everyMs = FILES_EVERY_MS;

  constructor(private readonly files: { cert: string; key: string }) {}

  async read(): Promise<Certificate> {
    const { cert, key } = this.files;
    const [chain, keyText] = await Promise.all([textIn(cert), textIn(key)]);
    return readCertificate(chain, keyText, { chain: cert, key });
  }
}

/**
 * A certificate that the server makes itself, and renews before it expires. Its key stays the same, so clients that know
 * the key accept every new one. It is kept in the data directory, so that a restart changes nothing.
 */
export class OwnCertificate implements CertificateSource {
  readonly everyMs = OWN_EVERY_MS;

  constructor(
    private readonly parts: {
      dataDir: string;
      key: KeyObject;
      /** What clients call the server: names and addresses. */
      names: readonly string[];
    },
  ) {}

  async read(nowMs: number): Promise<Certificate> {
    const { dataDir, key, names } = this.parts;
    const file = join(dataDir, OWN_FILE);
    const keyText = key.export({ type: "pkcs8", format: "pem" }) as string;
    // One that cannot be read is replaced.
    const kept = await readFile(file, "utf8").catch(() => undefined);
    if (kept !== undefined && this.isGood(kept, nowMs))
      return readCertificate(kept, keyText, { chain: file, key: "the store" });
    const made = await makeCertificate(key, names, nowMs);
    try {
      writeFileAtomic(file, made);
    } catch (error) {
      throw new CertificateError(`${file} cannot be written (${textOf(error)})`, { cause: error });
    }
    return readCertificate(made, keyText, { chain: file, key: "the store" });
  }

  private isGood(text: string, nowMs: number): boolean {
    try {
      const certificate = new X509Certificate(text);
      if (!certificate.checkPrivateKey(this.parts.key)) return false;
      const untilMs = certificate.validToDate.getTime();
      if (untilMs - nowMs < RENEW_BEFORE_MS || certificate.validFromDate.getTime() > nowMs) return false;
      return this.parts.names.every((name) => certificate.checkHost(name) ?? certificate.checkIP(name));
    } catch {
      return false; // It is damaged, and replaced.
    }
  }
}

async function textIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = codeOf(error) === "ENOENT" ? "does not exist" : `cannot be read (${textOf(error)})`;
    throw new CertificateError(`${file} ${why}`, { cause: error });
  }
}
