import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { z } from "zod";
import { homeIfAny, tanvritHome } from "../../shared/config/home.ts";
import { defineOptions, type OptionValues, optionNumber, optionText } from "../../shared/config/options.ts";
import { poolsSetting, pricesSetting } from "../../shared/credit.ts";
import { accountLists } from "../../shared/sockets/local-server.ts";
import type { SessionLife } from "../auth/tokens.ts";
import { type Pricing, pricingOf } from "../credit/pricing.ts";
import { plainName, readPlace } from "../http/own-names.ts";
import { type MailSettings, mailFile, mailOptions, mailSettings } from "../mail/settings.ts";
import { type OAuthClientSetting, oauthClientsSetting } from "../oauth/clients.ts";
import { type OidcSettings, oidcSetting } from "../oidc/settings.ts";
import {
  type RetentionSettings,
  retentionFile,
  retentionOptions,
  retentionSettings,
} from "../retention/settings.ts";
import type { TlsSettings } from "../tls/open-certificates.ts";
import { tlsFile, tlsOptions, tlsSettings } from "../tls/options.ts";
import { type ArtifactsPlace, artifactsOptions, artifactsPlaceOf, httpUrl } from "./artifacts-place.ts";

const hostPattern = optionText.refine((name) => readPlace(name.replace(/^\*\./, ""), 0) !== undefined, {
  error: "must be a name like compute.example.org, compute.example.org:8443 or *.example.org",
});

const ipAddress = optionText.refine((address) => isIP(address) !== 0, {
  error: "must be an address like 127.0.0.1 or ::1",
});

const httpOrigin = optionText.refine(isHttpOrigin, {
  error: "must be an origin like https://app.example.org",
});

const MAX_SESSION_DAYS = 36_500;
const DAY_MS = 24 * 3_600_000;

/** The options of `tanvrit-compute server`; the keys of its config file are `fileKey`s. */
export const serverOptions = defineOptions({
  host: {
    kind: "value",
    placeholder: "ADDRESS",
    env: "TANVRIT_HOST",
    fileKey: "host",
    schema: optionText.min(1).default("127.0.0.1"),
    defaultText: "127.0.0.1",
    help: "Address to listen on; 0.0.0.0 listens on every network of this machine",
  },
  port: {
    kind: "value",
    placeholder: "PORT",
    env: "TANVRIT_PORT",
    fileKey: "port",
    schema: optionNumber({ min: 0, max: 65_535, integer: true }).default(7070),
    defaultText: "7070",
    help: "Port to listen on; 0 picks a free port",
  },
  "allowed-host": {
    kind: "list",
    placeholder: "NAME",
    env: "TANVRIT_ALLOWED_HOSTS",
    fileKey: "allowedHosts",
    schema: z
      .array(hostPattern, { error: "must be a list of names" })
      .default([])
      .transform((names) => names.map((name) => name.toLowerCase())),
    help: "Another name that clients use for this server, for example through a proxy: NAME, NAME:PORT or *.DOMAIN",
  },
  "allowed-origin": {
    kind: "list",
    placeholder: "ORIGIN",
    env: "TANVRIT_ALLOWED_ORIGINS",
    fileKey: "allowedOrigins",
    schema: z.array(httpOrigin, { error: "must be a list of origins" }).default([]),
    help: "A site whose pages may call the API with a token: an origin like https://app.example.org",
  },
  "trusted-proxy": {
    kind: "list",
    placeholder: "ADDRESS",
    env: "TANVRIT_TRUSTED_PROXIES",
    fileKey: "trustedProxies",
    schema: z
      .array(ipAddress, { error: "must be a list of addresses" })
      .default([])
      .transform((addresses) => addresses.map((address) => address.toLowerCase())),
    help: "The address of a proxy in front of the server; its X-Forwarded-For says where requests come from",
  },
  "data-dir": {
    kind: "value",
    placeholder: "DIR",
    env: "TANVRIT_DATA_DIR",
    fileKey: "dataDir",
    schema: () => optionText.min(1),
    defaultText: "$TANVRIT_HOME/server",
    help: "Directory for the server's data; every server needs its own",
  },
  store: {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_STORE",
    fileKey: "store",
    schema: optionText
      .regex(/^(sqlite$|mongodb(\+srv)?:\/\/.)/, {
        error: "must be sqlite or a URL like mongodb://host/database",
      })
      .default("sqlite"),
    defaultText: "sqlite",
    help: "sqlite (in the data directory, one server) or the mongodb:// URL of a replica set (several servers)",
  },
  bus: {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_BUS",
    fileKey: "bus",
    schema: () =>
      optionText.refine((url) => /^rediss?:\/\/./.test(url) && URL.canParse(url), {
        error: "must be a URL like redis://host:6379, or rediss:// with TLS",
      }),
    help: "The redis:// URL through which several servers notify each other of changes",
  },
  ...artifactsOptions,
  "secret-key-file": {
    kind: "value",
    placeholder: "FILE",
    env: "TANVRIT_SECRET_KEY_FILE",
    fileKey: "secretKeyFile",
    schema: () => optionText.min(1),
    defaultText: "secret.key in the data directory; none with MongoDB",
    help: "File with at least 32 characters of secret text, which encrypts the token-signing keys in the store",
  },
  "public-url": {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_PUBLIC_URL",
    fileKey: "publicUrl",
    schema: () => httpUrl,
    help: "The URL that others use for this server when it is behind a proxy or a forwarded port",
  },
  ...tlsOptions,
  "node-key-days": {
    kind: "value",
    placeholder: "DAYS",
    env: "TANVRIT_NODE_KEY_DAYS",
    fileKey: "nodeKeyDays",
    schema: optionNumber({ min: 0, max: MAX_SESSION_DAYS, unit: "days" }).default(30),
    defaultText: "30",
    help: "Agents replace their key when it is this old; 0: never",
  },
  "session-idle-days": {
    kind: "value",
    placeholder: "DAYS",
    env: "TANVRIT_SESSION_IDLE_DAYS",
    fileKey: "sessionIdleDays",
    schema: optionNumber({ min: 0, max: MAX_SESSION_DAYS, unit: "days" }).default(30),
    defaultText: "30",
    help: "A sign-in ends after this long without use",
  },
  "session-max-days": {
    kind: "value",
    placeholder: "DAYS",
    env: "TANVRIT_SESSION_MAX_DAYS",
    fileKey: "sessionMaxDays",
    schema: optionNumber({ min: 0, max: MAX_SESSION_DAYS, unit: "days" }).default(180),
    defaultText: "180",
    help: "A sign-in ends after this long even if it is in use; nodes registered with it keep working",
  },
  "reuse-port": {
    kind: "flag",
    env: "TANVRIT_REUSE_PORT",
    fileKey: "reusePort",
    schema: z.boolean({ error: "must be true or false" }).default(false),
    help: "Share the port with other servers on this machine; the system spreads connections across them",
  },
  ...mailOptions,
  ...retentionOptions,
});

export interface ServerSettings {
  host: string;
  port: number;
  /** Lower case. */
  allowedHosts: readonly string[];
  /** Addresses of proxies whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
  /** Origins of other sites whose pages may call the API, as browsers write them. */
  allowedOrigins: readonly string[];
  /** Absolute. */
  dataDir: string;
  /** `sqlite`, or a MongoDB URL. Like `bus` it may contain a password: show it only through `maskedUrl`. */
  store: string;
  /** A Redis URL. */
  bus: string | undefined;
  /** Where files are kept. */
  artifacts: ArtifactsPlace;
  /** Absolute. */
  secretKeyFile: string | undefined;
  reusePort: boolean;
  /** How long sessions can be renewed. */
  sessionLife: SessionLife;
  /** Infinity: agents keep their keys. */
  nodeKeyMaxAgeMs: number;
  tls: TlsSettings;
  /** Undefined: the server sends no mail. */
  mail: MailSettings | undefined;
  /** URLs at which others reach this server. */
  publicUrls: readonly string[];
  /** Directories that list the servers of this account, for auth login. */
  signInLists: readonly string[];
  /** Comes only from the config file. */
  pricing: Pricing;
  /** Programs besides our own that may sign people in. */
  oauthClients: readonly OAuthClientSetting[];
  /** Another issuer that says who people are. */
  oidc: OidcSettings | undefined;
  retention: RetentionSettings;
}

export function serverSettings(
  values: OptionValues<typeof serverOptions>,
  env: Readonly<Record<string, string | undefined>>,
  file: z.output<typeof serverFile> = {},
): ServerSettings {
  const artifacts = values.artifacts ?? (values.store === "sqlite" ? "dir" : "gridfs");
  return {
    host: values.host,
    port: values.port,
    allowedHosts: values["allowed-host"],
    trustedProxies: values["trusted-proxy"],
    allowedOrigins: values["allowed-origin"],
    dataDir: resolve(values["data-dir"] ?? join(tanvritHome(env), "server")),
    store: values.store,
    bus: values.bus,
    artifacts: artifactsPlaceOf(artifacts, env, values["artifacts-endpoint"]),
    secretKeyFile: values["secret-key-file"] && resolve(values["secret-key-file"]),
    reusePort: values["reuse-port"],
    nodeKeyMaxAgeMs: values["node-key-days"] * DAY_MS || Number.POSITIVE_INFINITY,
    sessionLife: {
      idleMs: values["session-idle-days"] * DAY_MS,
      maxMs: values["session-max-days"] * DAY_MS,
    },
    tls: tlsSettings(values, plainName(values.host)),
    mail: mailSettings(values),
    publicUrls: values["public-url"] === undefined ? [] : [values["public-url"]],
    signInLists: accountLists(homeIfAny(env)),
    pricing: pricingOf(file),
    oauthClients: file.oauthClients ?? [],
    oidc: file.oidc,
    retention: retentionSettings(values, file),
  };
}

/** The config file of `--config`: the same settings under their file keys, plus the pools that cost credit. */
export const serverFile = z
  .strictObject({
    host: z.string().optional(),
    port: z.int().optional(),
    allowedHosts: z.array(z.string()).optional(),
    trustedProxies: z.array(z.string()).optional(),
    allowedOrigins: z.array(z.string()).optional(),
    dataDir: z.string().optional(),
    store: z.string().optional(),
    bus: z.string().optional(),
    artifacts: z.string().optional(),
    artifactsEndpoint: z.string().optional(),
    secretKeyFile: z.string().optional(),
    reusePort: z.boolean().optional(),
    publicUrl: z.string().optional(),
    ...tlsFile,
    sessionIdleDays: z.number().optional(),
    sessionMaxDays: z.number().optional(),
    nodeKeyDays: z.number().optional(),
    pools: poolsSetting.optional(),
    prices: pricesSetting.optional(),
    ...mailFile,
    oauthClients: oauthClientsSetting.optional(),
    oidc: oidcSetting.optional(),
    ...retentionFile,
  })
  .superRefine(({ pools = {}, prices = {} }, context) => {
    for (const [name, { hosted, sku }] of Object.entries(pools)) {
      if (!hosted || (sku !== undefined && Object.hasOwn(prices, sku))) continue;
      const message =
        sku === undefined
          ? "a hosted pool needs a sku, which sets its price"
          : `this sku has no price; add prices.${sku}`;
      context.addIssue({ code: "custom", path: ["pools", name, "sku"], message });
    }
  });

function isHttpOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
