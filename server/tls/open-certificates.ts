import { hostname, networkInterfaces } from "node:os";
import type { SessionStore } from "../auth/session-store.ts";
import { CertificateFiles, type CertificateSource, OwnCertificate } from "./certificate-source.ts";
import { OWN_NAME } from "./make-certificate.ts";
import { tlsKey } from "./tls-key.ts";

/** How the server's connections are encrypted: not, with a certificate in files, or with one of its own. */
export type TlsSettings = { kind: "none" } | { kind: "files"; cert: string; key: string } | { kind: "own" };

export interface SourceParts {
  tls: TlsSettings;
  dataDir: string;
  /** The address or name that the server listens on. */
  host: string;
  publicUrls: readonly string[];
  sessions: SessionStore;
}

/** Where the server's certificate comes from; undefined: it speaks plain HTTP. */
export async function certificateSource(parts: SourceParts): Promise<CertificateSource | undefined> {
  const { tls, dataDir, sessions } = parts;
  if (tls.kind === "none") return undefined;
  if (tls.kind === "files") return new CertificateFiles(tls);
  return new OwnCertificate({ dataDir, key: await tlsKey(sessions), names: namesOf(parts) });
}

const NO_NAMES = ["0.0.0.0", "::", ""];
const LINK_LOCAL = /^fe80:/i;

/** What clients may call this server. */
function namesOf({ host, publicUrls }: SourceParts): string[] {
  const own = hostname().toLowerCase();
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const names = [
    OWN_NAME,
    "localhost",
    host,
    own,
    ...publicUrls.map((url) => new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")),
    ...addresses.map(({ address }) => address).filter((address) => !LINK_LOCAL.test(address)),
  ];
  // A name that no certificate can have must not keep the server from starting.
  const isName = (name: string) => !NO_NAMES.includes(name) && /^[a-z0-9.:_-]{1,253}$/i.test(name);
  return [...new Set(names)].filter(isName);
}
