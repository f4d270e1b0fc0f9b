import { splitWords } from "../../../shared/shell-word.ts";
import { pause } from "../../../shared/wait.ts";
import { createContainer, removeContainer, startContainer } from "../../executors/docker/containers.ts";
import type { Engine } from "../../executors/docker/engine.ts";
import { hasStatus } from "../../executors/docker/engine-error.ts";
import { FrameReader } from "../../executors/docker/frames.ts";
import type { JobReport } from "../job.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { addPort, addVolume, applyOptions, type ContainerBody } from "./create-options.ts";
import type { GuestPaths } from "./guest-paths.ts";
import { havingImage } from "./having-image.ts";

export interface JobStageParts {
  engine: Engine;
  report: JobReport;
  cancel: AbortSignal;
  /** Unique among the jobs of this machine. */
  name: string;
  labels: Readonly<Record<string, string>>;
}

interface Service {
  name: string;
  id: string;
}

interface Inspected {
  State?: { Running?: boolean; ExitCode?: number; Health?: { Status?: string; Log?: { Output?: string }[] } };
  NetworkSettings?: { Ports?: Record<string, { HostPort?: string }[] | null> };
}

/** A service that is not healthy by then never will be. */
const HEALTHY_MS = 300_000;
const LOOK_MS = 250;
const LOG_LINES = 200;
/** The engine keeps the output of a service only until the job's end. */
const SERVICE_LOG = { Type: "json-file", Config: { "max-size": "4m", "max-file": "1" } };

/** The network of a job, its services and its container. */
export class JobStage {
  readonly network: string;
  private readonly services: Service[] = [];
  private readonly made: string[] = [];

  constructor(private readonly parts: JobStageParts) {
    this.network = parts.name;
  }

  async makeNetwork(): Promise<void> {
    const { engine, labels } = this.parts;
    await this.removeNetwork();
    await engine.json("POST", "/networks/create", {
      body: { Name: this.network, Driver: "bridge", Labels: labels },
    });
  }

  /** Returns once every service is healthy. */
  async start(
    container: ContainerSpec | undefined,
    services: ReadonlyMap<string, ContainerSpec>,
    paths: GuestPaths,
  ): Promise<{ containerId: string | undefined; contexts: Record<string, unknown> }> {
    for (const [name, spec] of services) this.services.push({ name, id: await this.create(name, spec) });
    const containerId = container && (await this.create("job", container, paths));
    const shown: Record<string, unknown> = {};
    for (const { name, id } of this.services) {
      await this.untilHealthy(name, id);
      shown[name] = { id, network: this.network, ports: await this.portsOf(id) };
    }
    const contexts = {
      services: shown,
      ...(containerId === undefined ? {} : { container: { id: containerId, network: this.network } }),
    };
    return { containerId, contexts };
  }

  async stop(): Promise<void> {
    for (const { name, id } of this.services) await this.printLog(name, id);
    for (const id of this.made.reverse()) await removeContainer(this.parts.engine, id);
    this.made.length = 0;
    this.services.length = 0;
    await this.removeNetwork();
  }

  /** @param paths only for the job's own container, which waits for its steps. */
  private async create(alias: string, spec: ContainerSpec, paths?: GuestPaths): Promise<string> {
    const { engine, report, cancel, name, labels } = this.parts;
    const { image, credentials } = spec;
    await havingImage(engine, { image, credentials, tell: (line) => report.line(line), signal: cancel });
    cancel.throwIfAborted();
    const body: ContainerBody = {
      Image: image,
      Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
      Labels: { ...labels },
      HostConfig: { NetworkMode: this.network },
      NetworkingConfig: { EndpointsConfig: { [this.network]: { Aliases: [alias] } } },
    };
    if (paths) waitForSteps(body, paths);
    else body.HostConfig.LogConfig = SERVICE_LOG;
    for (const port of spec.ports) addPort(body, port);
    for (const volume of spec.volumes) addVolume(body, volume);
    if (!paths && spec.entrypoint) body.Entrypoint = splitWords(spec.entrypoint) ?? [spec.entrypoint];
    if (!paths && spec.command) body.Cmd = splitWords(spec.command) ?? [spec.command];
    applyOptions(body, spec.options);
    const id = await createContainer(engine, `${name}-${alias}`.replace(/[^\w.-]/g, "_"), body);
    this.made.push(id);
    report.line(`Starting ${paths ? "the job's container" : `the service ${alias}`} from ${image}`);
    await startContainer(engine, id);
    return id;
  }

  private async untilHealthy(name: string, id: string): Promise<void> {
    const { report, cancel } = this.parts;
    const giveUpMs = performance.now() + HEALTHY_MS;
    for (let told = false; ; told = true) {
      const { State } = await this.inspect(id);
      const health = State?.Health?.Status;
      if (health === undefined || health === "none" || health === "healthy") {
        if (health === "healthy") report.line(`The service ${name} is healthy.`);
        return;
      }
      if (health === "unhealthy" || State?.Running === false || performance.now() > giveUpMs) {
        const said = State?.Health?.Log?.at(-1)?.Output?.trim();
        const why =
          State?.Running === false
            ? `it ended with exit code ${State.ExitCode}`
            : `its health check says ${said || "nothing"}`;
        throw new Error(`Failed to initialize the service ${name}: ${why}. Its output is in the log.`);
      }
      if (!told) report.line(`Waiting for the service ${name} to be healthy.`);
      await pause(LOOK_MS, cancel);
      cancel.throwIfAborted();
    }
  }

  /** By the port in the container. */
  private async portsOf(id: string): Promise<Record<string, string>> {
    const { NetworkSettings } = await this.inspect(id);
    const ports: Record<string, string> = {};
    for (const [inside, outside] of Object.entries(NetworkSettings?.Ports ?? {})) {
      const published = outside?.[0]?.HostPort;
      if (published !== undefined) ports[inside.replace(/\/.*$/, "")] = published;
    }
    return ports;
  }

  private inspect(id: string): Promise<Inspected> {
    return this.parts.engine.json("GET", `/containers/${id}/json`);
  }

  private async printLog(name: string, id: string): Promise<void> {
    const { engine, report } = this.parts;
    try {
      const stream = await engine.stream("GET", `/containers/${id}/logs`, {
        query: { stdout: true, stderr: true, tail: LOG_LINES },
      });
      const reader = new FrameReader();
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream)
        for (const { bytes } of reader.push(chunk)) chunks.push(bytes.slice());
      const lines = Buffer.concat(chunks)
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "");
      if (lines.length > 0) report.line(`Output of the service ${name}:`);
      for (const line of lines) report.line(`  ${line}`);
    } catch {
      // Output that cannot be shown must not keep the containers from being removed.
    }
  }

  private async removeNetwork(): Promise<void> {
    try {
      await this.parts.engine.json("DELETE", `/networks/${this.network}`);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }
}

function waitForSteps(body: ContainerBody, paths: GuestPaths): void {
  body.Entrypoint = ["tail"];
  body.Cmd = ["-f", "/dev/null"];
  body.Env.push("HOME=/github/home", "GITHUB_ACTIONS=true", "CI=true");
  body.HostConfig.Mounts = paths.mounts();
  body.HostConfig.LogConfig = { Type: "none", Config: {} };
}
