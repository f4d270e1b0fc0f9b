import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { s3Url } from "../../server/blob/s3-blobs.ts";
import {
  type ServerSettings,
  serverFile,
  serverOptions,
  serverSettings,
} from "../../server/compose/options.ts";
import { plainName } from "../../server/http/own-names.ts";
import { maskedUrl } from "../../server/runtime/masked-url.ts";
import type { RunningServer } from "../../server/start.ts";
import { codeOf } from "../../shared/code-of.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { textLogger } from "../../shared/logger.ts";
import { raiseOpenFiles } from "../../shared/open-files.ts";
import { isLoopback } from "../../shared/url.ts";
import { inTime } from "../../shared/wait.ts";
import { defineCommand } from "../command/command.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { aborted, stopSignals } from "../exit/stop-signals.ts";
import { readConfigFile } from "../input/read-config.ts";
import { DEFAULT_URL } from "../workspace/workspaces.ts";
import { badStoreUrl } from "./bad-store-url.ts";
import { NEWER_TODO } from "./store-owner.ts";

/** How long we wait for a server to stop. After that it is safe to leave: what it acknowledged is on disk. */
const STOP_LIMIT_MS = 20_000;

const options = defineOptions({
  ...serverOptions,
  config: {
    kind: "value",
    placeholder: "FILE",
    schema: () => optionText,
    help: "Read settings from a YAML file",
  },
});

export const command = defineCommand({
  options,
  examples: [
    { line: "server", does: "Only for this machine, at http://127.0.0.1:7070" },
    { line: "server --port 7171 --data-dir ./data", does: "A second server next to it" },
    { line: "server --host 0.0.0.0", does: "For other machines too, over TLS with a certificate of its own" },
    {
      line: "server --store mongodb://db/compute --bus redis://redis",
      does: "One of several servers that share a store",
    },
  ],
  details:
    "SIGTERM or Ctrl-C stops it gracefully; jobs keep running, and their agents come back when the server does.",
  readConfig: (flags) => readConfigFile(serverFile, { named: flags.config as string | undefined }),
  async run({ options, env, config, output }) {
    raiseOpenFiles();
    const settings = serverSettings(options, env, serverFile.parse(config ?? {}));
    // A log line that cannot be written must not stop the server.
    const note = (line: string) => void output.note(line).catch(() => undefined);
    const { stop, hurry } = stopSignals();
    const server = await start(settings, note);
    note(
      `tanvrit-compute server listening on ${placesOf(settings, server)}data in ${placeOf(settings)}${filesOf(settings)})`,
    );
    for (const line of aboutTls(settings, server)) note(line);
    if (server.setupUrl !== undefined) note(setupLine(server.setupUrl));
    // For a person who reads this; the log of a service needs no advice.
    if (output.noteLook.columns !== undefined) note(portalLine(server.url));
    await aborted(stop);
    note("tanvrit-compute server stopping");
    const late = Bun.sleep(STOP_LIMIT_MS).then(() => {
      note(
        `tanvrit-compute server did not stop within ${STOP_LIMIT_MS / 1_000} s; everything that it acknowledged is on disk`,
      );
    });
    await Promise.race([server.stop(), aborted(hurry), late]);
    return exitCodes.ok;
  },
});

async function start(settings: ServerSettings, note: (line: string) => void): Promise<RunningServer> {
  const { startServer } = await import("../../server/start.ts");
  try {
    return await startServer(settings, textLogger(note));
  } catch (error) {
    throw (await unknownHost(error, settings)) ?? explain(error, settings);
  }
}

const OPEN =
  "warning: other machines can reach this server over plain HTTP, and others on the network can read everything; put a TLS proxy in front of it, or start it without --insecure-http";

function aboutTls({ tls, host }: ServerSettings, { fingerprint }: RunningServer): string[] {
  if (tls.kind === "none") return isLoopback(plainName(host)) ? [] : [OPEN];
  if (tls.kind === "files") return [`its certificate is in ${tls.cert}; fingerprint ${fingerprint}`];
  return [
    `it has a certificate of its own, which no authority signed: compare its fingerprint at the first sign-in from another machine\nfingerprint ${fingerprint}`,
  ];
}

function setupLine(url: string): string {
  return `nobody can sign in from another machine yet: make the first owner at ${url} (valid once, for a day)`;
}

function portalLine(url: string): string {
  const at = url === DEFAULT_URL ? "" : ` --url ${url}`;
  return `the portal is at ${url}/: tanvrit-compute auth open${at} opens it signed in`;
}

function placesOf({ host }: ServerSettings, { listensAt, url }: RunningServer): string {
  const isEverywhere = ["0.0.0.0", "::"].includes(plainName(host));
  return isEverywhere ? `${listensAt} (every address of this machine; from here ${url}; ` : `${url} (`;
}

function placeOf({ store, dataDir }: ServerSettings): string {
  return store === "sqlite" ? dataDir : maskedUrl(store);
}

/** Where files are, unless they are with the other data. */
function filesOf({ artifacts }: ServerSettings): string {
  return artifacts.kind === "s3" ? `, files in ${s3Url(artifacts)}` : "";
}

const LOOKUP_LIMIT_MS = 2_000;

/** What Bun reports when it listens on a host that does not exist, depending on how the machine looks names up. */
const CODES_OF_AN_UNKNOWN_HOST = ["EADDRINUSE", "EINVAL"];

/** Bun never says that a host is unknown. */
async function unknownHost(cause: unknown, { host }: ServerSettings): Promise<CliError | undefined> {
  if (isIP(host) !== 0 || !CODES_OF_AN_UNKNOWN_HOST.includes(codeOf(cause) ?? "")) return undefined;
  const looked = lookup(host).then(
    () => true,
    () => false,
  );
  const isKnown = await inTime(LOOKUP_LIMIT_MS, looked);
  if (isKnown !== false) return undefined;
  const todo = "Choose an address of this machine with --host";
  return new CliError("bad_configuration", `cannot listen on ${host}: there is no such host`, {
    cause,
    todo,
  });
}

/** Explains what usually keeps a server from starting, and what to do. */
function explain(cause: unknown, settings: ServerSettings): unknown {
  const { host, port, dataDir } = settings;
  const { code = "", name, message, syscall } = cause as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const todo = "Stop the program that listens there, or choose another port with --port";
    return new CliError("unreachable", `port ${port} on ${host} is already in use`, { cause, todo });
  }
  if (name === "StoreInUseError") {
    const todo = "Stop that server, or choose another directory with --data-dir";
    return new CliError("unreachable", message, { cause, todo });
  }
  if (name === "OpenDirectoryError") {
    const todo = `Use a new directory in it, like --data-dir ${join(dataDir, "server")}; it is created for this account alone`;
    return new CliError("bad_configuration", `cannot keep data there: ${message}`, { cause, todo });
  }
  if (name === "SealError" || name === "KeyFileError") {
    const todo = "Name the file that the other servers use, or used before, with --secret-key-file";
    return new CliError("bad_configuration", message, { cause, todo });
  }
  if (name === "CertificateError") {
    const todo = "Give the certificate with its chain in --tls-cert and its key in --tls-key, both as PEM";
    return new CliError("bad_configuration", `cannot speak TLS: ${message}`, { cause, todo });
  }
  if (name === "ArtifactsPlaceError") {
    const { isOutOfReach } = cause as { isOutOfReach?: boolean };
    return new CliError(isOutOfReach ? "unreachable" : "bad_configuration", `cannot keep files: ${message}`, {
      cause,
    });
  }
  if (name === "NewerStoreError") {
    return new CliError("bad_configuration", message, { cause, todo: NEWER_TODO });
  }
  if (name === "BadStoreUrlError") return badStoreUrl(`the store ${placeOf(settings)}`, cause);
  if (code === "storage_failed" && settings.store !== "sqlite") {
    const todo =
      "Check that MongoDB is running and that --store (or TANVRIT_STORE) names it, with the right account";
    const text = `cannot use the store ${placeOf(settings)}: ${message}`;
    return new CliError("unreachable", text, { cause, todo });
  }
  if (code.startsWith("EADDR") || syscall === "listen") {
    const todo = "Choose another address with --host and --port";
    return new CliError("bad_configuration", `cannot listen on ${host}:${port}: ${message}`, { cause, todo });
  }
  if (code === "SQLITE_NOTADB" || code === "SQLITE_CORRUPT") {
    const todo = "Restore it from a copy, or choose another directory with --data-dir";
    return new CliError("bad_data", `the data in ${dataDir} is damaged: ${message}`, { cause, todo });
  }
  if (name !== "SQLiteError" && !/^E[A-Z]+$/.test(code)) return cause;
  const todo = "Make it writable by this user, or choose another directory with --data-dir";
  return new CliError("bad_configuration", `cannot use ${dataDir}: ${message}`, { cause, todo });
}
