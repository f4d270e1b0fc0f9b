import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { inAccountHome } from "../../../shared/config/home.ts";

/** Where an engine listens. */
export interface EngineEndpoint {
  /** As `unix:///var/run/docker.sock`, for people. */
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

/** There is no engine to talk to; the message says where it was looked for and what to do. */
export class NoEngineError extends Error {
  override name = "NoEngineError";
  /** Nobody named an engine and none is at a usual place: the machine has none, which is nobody's mistake. */
  readonly isAbsent: boolean;

  constructor(message: string, isAbsent = false) {
    super(message);
    this.isAbsent = isAbsent;
  }
}

/**
 * The engine that the docker command line would use, or a podman that speaks its language: by DOCKER_HOST, by the
 * context that is chosen, or at one of the usual places. Throws NoEngineError.
 */
export function findEngine(env: Env): EngineEndpoint {
  if (env.DOCKER_HOST) return endpointOf(env.DOCKER_HOST, "DOCKER_HOST", tlsOfEnvironment(env));
  const context = contextEndpoint(env);
  if (context) return context;
  if (process.platform === "win32") {
    throw new NoEngineError(
      "No engine is known: on Windows, let Docker Desktop expose its daemon on tcp://localhost:2375 and set DOCKER_HOST to that.",
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
    `${source} is ${url}, which cannot be used here: it must be unix:///path or tcp://host:port.`,
  );
}

/** As the docker command line has it: certificates where there is a place for them, checked unless told otherwise. */
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

/** The endpoint of the context chosen by DOCKER_CONTEXT or `docker context use`; undefined where none is. */
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
      `The docker context ${chosen} is chosen, but ${dir} says nothing of its endpoint: choose another by \`docker context use\`.`,
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
      `The engine's socket ${closed} is not open to this account: add it to the socket's group, or use a rootless engine.`,
    );
  }
  throw new NoEngineError(
    "No Docker engine and no podman was found: start one (systemctl start docker, or systemctl --user start podman.socket), or set DOCKER_HOST.",
    true,
  );
}

function look(path: string): "open" | "closed" | "absent" {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return "open";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "closed" : "absent";
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // What is not there is not used; where the engine wants it, the engine says so.
    return undefined;
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    // No docker configuration, or one that docker itself could not read either.
    return undefined;
  }
}
