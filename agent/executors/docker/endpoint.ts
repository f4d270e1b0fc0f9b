import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import { inAccountHome } from "../../../shared/config/home.ts";

/** Where an engine listens. */
export interface EngineEndpoint {
  /** For people, such as `unix:///var/run/docker.sock`. */
  url: string;
  socketPath?: string;
  host?: string;
  port?: number;
  tls?: EngineTls;
}

export interface EngineTls {
  ca?: string;
  cert?: string;
  key?: string;
  rejectUnauthorized: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** There is no usable engine. The message says where it was looked for and what to do. */
export class NoEngineError extends Error {
  override name = "NoEngineError";

  constructor(
    message: string,
    /** No engine is configured and none is in a usual place: the machine has none, which is not a mistake. */
    readonly isAbsent = false,
  ) {
    super(message);
  }
}

/**
 * Finds the engine that the docker command line would use, or a podman that speaks the same API: from DOCKER_HOST, from
 * the selected context, or in one of the usual places. Throws NoEngineError.
 */
export function findEngine(env: Env): EngineEndpoint {
  if (env.DOCKER_HOST) return endpointOf(env.DOCKER_HOST, "DOCKER_HOST", tlsOfEnvironment(env));
  const context = contextEndpoint(env);
  if (context) return context;
  if (process.platform === "win32") {
    throw new NoEngineError(
      "No engine is known. On Windows, let Docker Desktop expose its daemon on tcp://localhost:2375 and set DOCKER_HOST to that address.",
      true,
    );
  }
  return usualSocket(env);
}

export function dockerConfigDir(env: Env): string {
  return env.DOCKER_CONFIG || inAccountHome(env, ".docker");
}

function endpointOf(url: string, source: string, tls: EngineTls | undefined): EngineEndpoint {
  const unix = /^unix:\/\/(\/.+)$/.exec(url)?.[1];
  if (unix) return { url, socketPath: unix };
  const [, scheme, host = "", port] =
    /^(tcp|http|https):\/\/(\[[0-9a-fA-F:]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/.exec(url) ?? [];
  if (scheme) {
    const secure = tls ?? (scheme === "https" ? { rejectUnauthorized: true } : undefined);
    return { url, host, port: Number(port ?? (secure ? 2376 : 2375)), ...(secure ? { tls: secure } : {}) };
  }
  throw new NoEngineError(
    `${source} is ${url}, which cannot be used: it must have the form unix:///path or tcp://host:port.`,
  );
}

/** Like the docker command line: reads certificates if TLS is configured; DOCKER_TLS_VERIFY makes it check the server's. */
function tlsOfEnvironment(env: Env): EngineTls | undefined {
  if (!env.DOCKER_TLS_VERIFY && !env.DOCKER_CERT_PATH && !env.DOCKER_TLS) return undefined;
  return tlsIn(env.DOCKER_CERT_PATH || dockerConfigDir(env), Boolean(env.DOCKER_TLS_VERIFY));
}

function tlsIn(dir: string, rejectUnauthorized: boolean): EngineTls {
  const part = (name: string) => readText(join(dir, name));
  return { ca: part("ca.pem"), cert: part("cert.pem"), key: part("key.pem"), rejectUnauthorized };
}

interface ContextMeta {
  Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
}

/** The endpoint of the context selected by DOCKER_CONTEXT or `docker context use`; undefined: none is selected. */
function contextEndpoint(env: Env): EngineEndpoint | undefined {
  const dir = dockerConfigDir(env);
  const chosen =
    env.DOCKER_CONTEXT || readJson<{ currentContext?: string }>(join(dir, "config.json"))?.currentContext;
  if (!chosen || chosen === "default") return undefined;
  const id = new Bun.CryptoHasher("sha256").update(chosen).digest("hex");
  const meta = readJson<ContextMeta>(join(dir, "contexts", "meta", id, "meta.json"));
  const { Host: host, SkipTLSVerify: skipVerify = false } = meta?.Endpoints?.docker ?? {};
  if (!host) {
    throw new NoEngineError(
      `The docker context ${chosen} is selected, but ${dir} does not contain its endpoint: select another with \`docker context use\`.`,
    );
  }
  const tls = tlsIn(join(dir, "contexts", "tls", id, "docker"), !skipVerify);
  const hasTls = tls.ca !== undefined || tls.cert !== undefined;
  return endpointOf(host, `The docker context ${chosen}`, hasTls ? tls : undefined);
}

function usualSocket(env: Env): EngineEndpoint {
  const runtime = env.XDG_RUNTIME_DIR || `/run/user/${process.getuid?.() ?? 0}`;
  const places = [
    "/var/run/docker.sock",
    join(runtime, "docker.sock"),
    inAccountHome(env, ".docker/run/docker.sock"),
    inAccountHome(env, ".docker/desktop/docker.sock"),
    inAccountHome(env, ".colima/default/docker.sock"),
    inAccountHome(env, ".orbstack/run/docker.sock"),
    join(runtime, "podman/podman.sock"),
    "/run/podman/podman.sock",
  ];
  let closed: string | undefined;
  for (const path of places) {
    const found = look(path);
    if (found === "open") return { url: `unix://${path}`, socketPath: path };
    if (found === "closed") closed ??= path;
  }
  if (closed) {
    throw new NoEngineError(
      `This account may not use the engine's socket ${closed}: add the account to the socket's group, or use a rootless engine.`,
    );
  }
  throw new NoEngineError(
    "Found neither a Docker engine nor podman: start one (systemctl start docker, or systemctl --user start podman.socket), or set DOCKER_HOST.",
    true,
  );
}

function look(path: string): "open" | "closed" | "absent" {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return "open";
  } catch (error) {
    return codeOf(error) === "EACCES" ? "closed" : "absent";
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Missing files are not used; if the engine requires them, it reports that.
    return undefined;
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    // There is no docker configuration, or docker could not read it either.
    return undefined;
  }
}
