import { existsSync } from "node:fs";
import type { EngineEndpoint } from "./endpoint.ts";
import { EngineError, engineWords, whyUnreachable } from "./engine-error.ts";
import { openStream } from "./raw-stream.ts";

export interface EngineCall {
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  body?: unknown;
  /** Bytes in place of `body`, such as an archive. */
  bytes?: ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** The facts about an engine that are needed before it gets work. */
export interface EngineFacts {
  /** "Docker 27.3.1" or "Podman 5.2.0". */
  name: string;
  isPodman: boolean;
  rootless: boolean;
  /** It uses user namespaces: root in its containers is an account without rights on the machine. */
  ownUsers: boolean;
  cgroupVersion: string;
  osType: string;
  cpus: number;
  memoryLimit: boolean;
  cpuLimit: boolean;
  pidsLimit: boolean;
  /** It can give NVIDIA GPUs to containers. */
  nvidia: boolean;
}

/** The newest API version that was tested, and the oldest with everything that is used here. */
const NEWEST_API = "1.47";
const OLDEST_API = "1.30";
const CDI_DIRS = ["/etc/cdi", "/var/run/cdi"];
const DEFAULT_TIMEOUT_MS = 30_000;

interface VersionAnswer {
  Version?: string;
  ApiVersion?: string;
  MinAPIVersion?: string;
  Components?: { Name?: string; Version?: string }[];
}

interface InfoAnswer {
  OSType?: string;
  NCPU?: number;
  CgroupVersion?: string;
  SecurityOptions?: string[] | null;
  MemoryLimit?: boolean;
  CpuCfsQuota?: boolean;
  PidsLimit?: boolean;
  Runtimes?: Record<string, unknown> | null;
  DiscoveredDevices?: { ID?: string }[] | null;
}

/** A client of the Engine API at one endpoint. Every call has a timeout, and throws EngineError with the engine's own words. */
export class Engine {
  private api: Promise<string> | undefined;

  constructor(readonly endpoint: EngineEndpoint) {}

  async facts(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<EngineFacts> {
    const timed = { timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
    const version = await this.version(timed);
    const info = await this.json<InfoAnswer>("GET", "/info", timed);
    const isPodman = version.Components?.some(({ Name }) => Name?.startsWith("Podman")) ?? false;
    return {
      name: `${isPodman ? "Podman" : "Docker"} ${version.Version ?? "of an unknown version"}`,
      isPodman,
      rootless: info.SecurityOptions?.some((option) => option.includes("rootless")) ?? false,
      ownUsers: info.SecurityOptions?.some((option) => /\bname=userns\b/.test(option)) ?? false,
      cgroupVersion: info.CgroupVersion ?? "1",
      osType: info.OSType ?? "linux",
      cpus: info.NCPU ?? 0,
      memoryLimit: info.MemoryLimit ?? false,
      cpuLimit: info.CpuCfsQuota ?? false,
      pidsLimit: info.PidsLimit ?? false,
      nvidia: hasNvidia(info),
    };
  }

  /** Asks for nothing. `/version` would do too, but starts programs to ask them for theirs. */
  async ping(signal: AbortSignal): Promise<void> {
    const timeout = AbortSignal.timeout(DEFAULT_TIMEOUT_MS);
    const response = await this.request("GET", "/_ping", { signal }, AbortSignal.any([signal, timeout]));
    await this.refuseErrors(response);
    await this.reading(response.text(), signal);
  }

  /** The body of the answer, parsed as JSON; undefined if it is empty. */
  async json<T>(method: string, path: string, call: EngineCall = {}): Promise<T> {
    const response = await this.send(method, path, call);
    const text = await this.reading(response.text(), call.signal);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** The body of the answer as a stream of unlimited length; `timeoutMs` applies until the answer begins. */
  async stream(method: string, path: string, call: EngineCall = {}): Promise<AsyncIterable<Uint8Array>> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = call;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    const signals = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
    try {
      const response = await this.request(method, await this.versioned(path, call), call, signals);
      await this.refuseErrors(response);
      return response.body ?? (async function* () {})();
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Everything that a container writes from now on, in frames (`FrameReader`), until it ends or `signal` fires. If the
   * caller stops reading, the container blocks on its own pipes. Each stream has its own connection, not one from fetch's
   * small pool: it may last for days, and every container needs one.
   */
  async attach(containerId: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const query = { stream: 1, stdout: 1, stderr: 1 };
    const path = await this.versioned(`/containers/${containerId}/attach`, { query, signal });
    return openStream(this.endpoint, path, DEFAULT_TIMEOUT_MS, signal);
  }

  private async send(method: string, path: string, call: EngineCall): Promise<Response> {
    const timeout = AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    const response = await this.request(method, await this.versioned(path, call), call, signal);
    await this.refuseErrors(response);
    return response;
  }

  private async versioned(path: string, call: Pick<EngineCall, "query" | "signal">): Promise<string> {
    this.api ??= this.negotiate(call.signal);
    try {
      return `/v${await this.api}${path}${queryText(call.query)}`;
    } catch (error) {
      // The next call asks again: by then another version of the engine may answer.
      this.api = undefined;
      throw error;
    }
  }

  private async negotiate(signal: AbortSignal | undefined): Promise<string> {
    const { ApiVersion = "", MinAPIVersion = "1.12" } = await this.version({
      timeoutMs: DEFAULT_TIMEOUT_MS,
      signal,
    });
    const version = isOlder(ApiVersion, NEWEST_API) ? ApiVersion : NEWEST_API;
    if (isOlder(version, OLDEST_API) || isOlder(version, MinAPIVersion)) {
      throw new EngineError(
        `The engine at ${this.endpoint.url} speaks API versions ${MinAPIVersion} to ${ApiVersion}, but only ${OLDEST_API} to ${NEWEST_API} are supported.`,
      );
    }
    return version;
  }

  private async version(call: EngineCall): Promise<VersionAnswer> {
    const timeout = AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    const response = await this.request("GET", "/version", {}, signal);
    await this.refuseErrors(response);
    return (await this.reading(response.json(), call.signal)) as VersionAnswer;
  }

  private async request(
    method: string,
    path: string,
    call: EngineCall,
    signal: AbortSignal,
  ): Promise<Response> {
    const { socketPath, host, port, tls } = this.endpoint;
    const base = host === undefined ? "http://engine" : `${tls ? "https" : "http"}://${host}:${port}`;
    const init: BunFetchRequestInit = {
      method,
      signal,
      // Passwords of registries must go to the engine only.
      redirect: "error",
      // The signal limits the wait. A connection that is kept alive would be dead after a restart of the engine.
      timeout: false,
      keepalive: false,
      headers: {
        ...call.headers,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.bytes === undefined ? {} : { body: call.bytes }),
      ...(socketPath === undefined ? {} : { unix: socketPath }),
      ...(tls ? { tls } : {}),
    };
    return this.reading(fetch(`${base}${path}`, init), call.signal);
  }

  private async refuseErrors(response: Response): Promise<void> {
    if (response.status < 400) return;
    const text = await this.reading(response.text(), undefined);
    throw new EngineError(engineWords(text) || `the engine answered ${response.status}`, response.status);
  }

  private async reading<T>(promise: Promise<T>, wanted: AbortSignal | undefined): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (wanted?.aborted && wanted.reason?.name !== "TimeoutError") throw wanted.reason;
      const message = `The engine at ${this.endpoint.url} cannot be reached: ${whyUnreachable(error)}`;
      throw new EngineError(message, undefined, { cause: error });
    }
  }
}

/** Whether there is NVIDIA's runtime, its hook in PATH, or a CDI description of its devices. */
function hasNvidia(info: InfoAnswer): boolean {
  if (info.Runtimes && "nvidia" in info.Runtimes) return true;
  if (info.DiscoveredDevices?.some(({ ID }) => ID?.startsWith("nvidia.com/"))) return true;
  if (Bun.which("nvidia-container-runtime-hook")) return true;
  return CDI_DIRS.some((dir) => existsSync(`${dir}/nvidia.yaml`) || existsSync(`${dir}/nvidia.json`));
}

function queryText(query: EngineCall["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "";
  return `?${new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

/** Versions are `MAJOR.MINOR`. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}
