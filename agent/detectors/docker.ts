import { textOf } from "../../shared/text-of.ts";
import { type EngineEndpoint, findEngine, NoEngineError } from "../executors/docker/endpoint.ts";
import { Engine } from "../executors/docker/engine.ts";
import { absent, type DetectContext, type Finding, sentences } from "./finding.ts";
import { asRecord, asText } from "./tool-text.ts";

export interface DockerFacts {
  /** The address of the engine, in the form of DOCKER_HOST. */
  host: string;
  engine: "docker" | "podman";
  version: string;
  apiVersion: string;
  rootless: boolean;
  /** The kind of containers it runs, such as `linux`. */
  osType: string;
  cgroupVersion?: string;
  runtimes: string[];
  defaultRuntime?: string;
}

/** A healthy engine answers within milliseconds. */
const ANSWER_MS = 3_000;

/** Asks the engine that the Docker executor would use for its version and its properties. */
export async function detectDocker(context: DetectContext): Promise<Finding<DockerFacts>> {
  const named = context.environment.DOCKER_HOST ? "DOCKER_HOST names it. " : "";
  const notTaken = `${named}Docker jobs are not accepted.`;
  let endpoint: EngineEndpoint;
  try {
    endpoint = findEngine(context.environment);
  } catch (error) {
    const isAbsent = error instanceof NoEngineError && error.isAbsent;
    return isAbsent ? absent() : absent(sentences(textOf(error), notTaken));
  }
  try {
    const engine = new Engine(endpoint);
    const signal = AbortSignal.timeout(Math.max(1, context.deadlineMs - performance.now()));
    const ask = (path: string) => engine.json<unknown>("GET", path, { signal });
    const [version, info] = await Promise.all([ask("/version"), ask("/info")]);
    return parseEngine(endpoint.url, version, info);
  } catch (error) {
    return absent(sentences(failureOf(endpoint, error as Error), notTaken));
  }
}

/** Whether the engine that the Docker executor would use answers; cheap enough to call often. */
export async function engineAnswers(
  environment: DetectContext["environment"],
  wanted: AbortSignal,
): Promise<boolean> {
  try {
    await new Engine(findEngine(environment)).ping(AbortSignal.any([wanted, AbortSignal.timeout(ANSWER_MS)]));
    return true;
  } catch {
    // The next full look at the machine reports why.
    return false;
  }
}

function failureOf({ url }: EngineEndpoint, { name, message }: Error): string {
  if (name === "TimeoutError") return `The container engine at ${url} did not answer in time`;
  return message.includes(url) ? message : `The container engine at ${url} fails: ${message}`;
}

/** Reads the answers of the Engine API to `GET /version` and `GET /info`. */
export function parseEngine(host: string, version: unknown, info: unknown): Finding<DockerFacts> {
  const about = asRecord(version);
  const more = asRecord(info);
  const apiVersion = asText(about.ApiVersion);
  const engineVersion = asText(about.Version);
  if (apiVersion === undefined || engineVersion === undefined) {
    return absent(`The server at ${host} is not a container engine. Docker jobs are not accepted.`);
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
