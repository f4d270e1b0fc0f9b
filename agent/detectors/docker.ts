import { access, constants, readFile } from "node:fs/promises";
import { join } from "node:path";
import { absent, asRecord, asText, type DetectContext, type Finding } from "./finding.ts";

export interface DockerFacts {
  /** Where the engine answers, as DOCKER_HOST says it. */
  host: string;
  engine: "docker" | "podman";
  version: string;
  apiVersion: string;
  rootless: boolean;
  /** As `linux`; containers of another kind cannot run the commands of jobs written for it. */
  osType: string;
  cgroupVersion?: string;
  runtimes: string[];
  defaultRuntime?: string;
}

/** Looks for an engine at DOCKER_HOST, else at the places of Docker and Podman, rootless ones last. */
export async function detectDocker(context: DetectContext): Promise<Finding<DockerFacts>> {
  const named = context.environment.DOCKER_HOST;
  const problems: string[] = [];
  for (const host of named ? [named] : usualHosts(context)) {
    const { found, problems: more } = await askEngine(context, host, named !== undefined && named !== "");
    problems.push(...more);
    if (found) return { found, problems: [] };
  }
  return { problems };
}

function usualHosts({ environment, platform }: DetectContext): string[] {
  if (platform === "win32") return [];
  const { XDG_RUNTIME_DIR: runtimeDir, HOME: home } = environment;
  return [
    "/var/run/docker.sock",
    ...(runtimeDir ? [join(runtimeDir, "docker.sock")] : []),
    ...(home ? [join(home, ".docker", "run", "docker.sock")] : []),
    "/run/podman/podman.sock",
    ...(runtimeDir ? [join(runtimeDir, "podman", "podman.sock")] : []),
  ].map((path) => `unix://${path}`);
}

async function askEngine(
  context: DetectContext,
  host: string,
  isNamed: boolean,
): Promise<Finding<DockerFacts>> {
  const hint = isNamed ? " DOCKER_HOST names it." : "";
  const socket = host.startsWith("unix://") ? host.slice("unix://".length) : undefined;
  if (socket !== undefined) {
    const code = await accessError(socket);
    if (code === "ENOENT" && !isNamed) return absent();
    if (code === "EACCES") {
      return absent(
        `This account may not open the container engine's socket ${socket}.${hint} Add the account to the socket's group, or run a rootless engine.`,
      );
    }
    if (code !== undefined) return absent(`There is no container engine at ${host} (${code}).${hint}`);
  }
  try {
    const get = await engineGetter(context, host, socket);
    const [version, info] = await Promise.all([get("/version"), get("/info")]);
    return parseEngine(host, version, info);
  } catch (error) {
    const { name, message } = error as Error;
    const why =
      name === "TimeoutError" ? `did not answer within ${context.timeoutMs / 1_000} s` : `fails: ${message}`;
    return absent(`The container engine at ${host} ${why}.${hint} Docker jobs are not taken.`);
  }
}

/** Of what `GET /version` and `GET /info` of the Engine API give. */
export function parseEngine(host: string, version: unknown, info: unknown): Finding<DockerFacts> {
  const about = asRecord(version);
  const more = asRecord(info);
  const apiVersion = asText(about.ApiVersion);
  const engineVersion = asText(about.Version);
  if (apiVersion === undefined || engineVersion === undefined) {
    return absent(`What answers at ${host} is no container engine. Docker jobs are not taken.`);
  }
  const components = Array.isArray(about.Components) ? about.Components.map(asRecord) : [];
  const options = Array.isArray(more.SecurityOptions) ? more.SecurityOptions.map(String) : [];
  const cgroupVersion = asText(more.CgroupVersion);
  const defaultRuntime = asText(more.DefaultRuntime);
  return {
    found: {
      host,
      engine: components.some((one) => /podman/i.test(String(one.Name))) ? "podman" : "docker",
      version: engineVersion,
      apiVersion,
      rootless: options.some((option) => option.split(",").includes("name=rootless")),
      osType: asText(more.OSType) ?? asText(about.Os) ?? "linux",
      ...(cgroupVersion !== undefined && { cgroupVersion }),
      runtimes: Object.keys(asRecord(more.Runtimes)).sort(),
      ...(defaultRuntime !== undefined && { defaultRuntime }),
    },
    problems: [],
  };
}

async function accessError(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? "unknown";
  }
}

async function engineGetter(
  { environment, deadlineMs }: DetectContext,
  host: string,
  socket: string | undefined,
): Promise<(path: string) => Promise<unknown>> {
  const secure = Boolean(environment.DOCKER_TLS_VERIFY);
  const base = socket === undefined ? host.replace(/^tcp:/, secure ? "https:" : "http:") : "http://engine";
  const tls = secure ? await clientCertificates(environment) : undefined;
  return async (path) => {
    const answer = await fetch(`${base.replace(/\/$/, "")}${path}`, {
      ...(socket !== undefined && { unix: socket }),
      ...(tls && { tls }),
      signal: AbortSignal.timeout(Math.max(1, deadlineMs - performance.now())),
    });
    if (!answer.ok) throw new Error(`GET ${path} is answered by ${answer.status}`);
    return answer.json();
  };
}

async function clientCertificates(environment: DetectContext["environment"]) {
  const dir = environment.DOCKER_CERT_PATH || join(environment.HOME ?? "", ".docker");
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((name) => readFile(join(dir, name), "utf8")),
  );
  return { ca, cert, key };
}
