import { resolve } from "node:path";
import { z } from "zod";
import { defineOptions, OptionError, type OptionValues, optionText } from "../../shared/config/options.ts";
import { isLoopback } from "../../shared/url.ts";
import type { TlsSettings } from "./open-certificates.ts";

/** The options for encrypted connections. */
export const tlsOptions = defineOptions({
  "tls-cert": {
    kind: "value",
    placeholder: "FILE",
    env: "TANVRIT_TLS_CERT",
    fileKey: "tlsCert",
    schema: () => optionText.min(1),
    defaultText: "a certificate of its own, unless it listens only on this machine",
    help: "Certificate to serve, with its chain, as PEM; read again when it changes",
  },
  "tls-key": {
    kind: "value",
    placeholder: "FILE",
    env: "TANVRIT_TLS_KEY",
    fileKey: "tlsKey",
    schema: () => optionText.min(1),
    help: "Private key of that certificate, as PEM",
  },
  "insecure-http": {
    kind: "flag",
    env: "TANVRIT_INSECURE_HTTP",
    fileKey: "insecureHttp",
    schema: z.boolean({ error: "must be true or false" }).default(false),
    help: "Speak plain HTTP to other machines too, for example to a proxy that speaks TLS with the clients",
  },
});

/** Their keys in the config file. */
export const tlsFile = {
  tlsCert: z.string().optional(),
  tlsKey: z.string().optional(),
  insecureHttp: z.boolean().optional(),
};

/** @param host the address or name that the server listens on. Throws OptionError if a file is missing. */
export function tlsSettings(values: OptionValues<typeof tlsOptions>, host: string): TlsSettings {
  const { "tls-cert": cert, "tls-key": key } = values;
  if (cert !== undefined && key !== undefined)
    return { kind: "files", cert: resolve(cert), key: resolve(key) };
  if (cert !== undefined) throw new OptionError("flag", "--tls-cert needs the certificate's key: --tls-key");
  if (key !== undefined) throw new OptionError("flag", "--tls-key needs its certificate: --tls-cert");
  return { kind: isLoopback(host) || values["insecure-http"] ? "none" : "own" };
}
