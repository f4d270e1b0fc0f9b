import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, posix } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { LABEL } from "../../executors/docker/container-config.ts";
import { findEngine } from "../../executors/docker/endpoint.ts";
import { Engine, type EngineFacts } from "../../executors/docker/engine.ts";
import { hasForeignFiles, takeOverFiles } from "../../executors/docker/ownership.ts";
import type { Scope } from "../expressions/scope.ts";
import type {
  ContainerAction,
  Containers,
  JobContainers,
  JobDirectories,
  JobPlan,
  JobReport,
  StepEnd,
} from "../job.ts";
import { ActionHost } from "./action-host.ts";
import { buildImage } from "./build-image.ts";
import { ContainerHost } from "./container-host.ts";
import { containerSpec, imageOf, serviceSpecs } from "./container-spec.ts";
import { GuestPaths } from "./guest-paths.ts";
import { havingImage } from "./having-image.ts";
import { JobStage } from "./job-stage.ts";

export interface DockerContainersOptions {
  /** Marks what the run makes, so that the agent finds it after a crash. */
  executionId: string;
  /** DOCKER_HOST and the like. */
  environment: Readonly<Record<string, string | undefined>>;
}

interface Connection {
  engine: Engine;
  facts: EngineFacts;
}

/** The containers of a run's jobs, by the engine of this machine. */
export class DockerContainers implements Containers {
  private connecting: Promise<Connection> | undefined;
  /** Jobs with containers, by their plan: their Docker actions join the network. */
  private readonly stages = new WeakMap<JobPlan, JobStage>();
  private readonly builds = new Map<string, Promise<string>>();

  constructor(private readonly options: DockerContainersOptions) {}

  async start(
    job: JobPlan,
    scope: Scope,
    report: JobReport,
    cancel: AbortSignal,
  ): Promise<JobContainers | undefined> {
    const container = containerSpec(job.definition.container, scope);
    const services = serviceSpecs(job.definition.services, scope);
    if (!container && services.size === 0) return undefined;
    const { engine, facts } = await this.connect(container?.image ?? "its services");
    const directories = jobDirectoriesInContainer(job);
    const stage = new JobStage({
      engine,
      report,
      cancel,
      name: nameOf(this.options.executionId, job.key),
      labels: this.labels(),
    });
    this.stages.set(job, stage);
    try {
      await stage.makeNetwork();
      const made = await stage.start(container, services, directories);
      const host =
        made.containerId === undefined ? undefined : new ContainerHost(engine, made.containerId, directories);
      return {
        host,
        contexts: made.contexts,
        network: stage.network,
        stop: async () => {
          if (container) await this.takeOver({ engine, facts }, job, container.image);
          await stage.stop();
        },
      };
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  async action({
    step,
    image,
    directory,
    entrypoint,
    args = [],
    env = {},
  }: ContainerAction): Promise<StepEnd> {
    const { plan, services } = step.job;
    const { report } = services;
    const fail = (message: string): StepEnd => {
      report.annotate({ level: "failure", message, step: step.number });
      return { outcome: "failure" };
    };
    try {
      const connection = await this.connect(image);
      const tell = (line: string) => report.line(line, step.number);
      const name = image.startsWith("docker://")
        ? await havingImage(connection.engine, { image: imageOf(image), tell, signal: step.cancel })
        : await this.build(connection.engine, image, tell, step.cancel);
      const paths = actionDirectoriesInContainer(plan.directories, directory);
      const host = new ActionHost(connection.engine, {
        name: `${nameOf(this.options.executionId, plan.key)}-${step.number}-${crypto.randomUUID().slice(0, 8)}`,
        image: name,
        entrypoint,
        labels: this.labels(),
        network: this.stages.get(plan)?.network,
        paths,
      });
      const end = await step.execute({ argv: args, env: { ...env, HOME: "/github/home" }, host });
      await this.takeOver(connection, plan, name);
      return end;
    } catch (error) {
      return fail(textOf(error));
    }
  }

  private build(
    engine: Engine,
    dockerfile: string,
    tell: (line: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    let build = this.builds.get(dockerfile);
    if (!build) {
      build = buildImage(engine, dockerfile, { tell, signal });
      this.builds.set(dockerfile, build);
      // Another step may succeed where this one was cancelled.
      build.catch(() => this.builds.delete(dockerfile));
    }
    return build;
  }

  /** Programs in containers are often root there; what they leave must not outlive the job. */
  private async takeOver({ engine, facts }: Connection, job: JobPlan, image: string): Promise<void> {
    const { workspace, temp } = job.directories;
    for (const dir of [workspace, temp]) {
      if (!(await hasForeignFiles(dir))) continue;
      const name = `${nameOf(this.options.executionId, job.key)}-files`;
      await takeOverFiles(engine, { image, dir, name, labels: this.labels(), rootless: facts.rootless });
    }
  }

  private labels(): Record<string, string> {
    return { [LABEL.execution]: this.options.executionId };
  }

  private connect(wanted: string): Promise<Connection> {
    this.connecting ??= this.look();
    return this.connecting.catch((error) => {
      this.connecting = undefined;
      throw new Error(
        `The workflow asks for a container (${wanted}), and there is no engine to run it: ${textOf(error)}`,
      );
    });
  }

  private async look(): Promise<Connection> {
    const engine = new Engine(findEngine(this.options.environment));
    const facts = await engine.facts();
    if (facts.osType !== "linux")
      throw new Error(`${facts.name} runs ${facts.osType} containers; switch it to Linux containers.`);
    return { engine, facts };
  }
}

/** As on GitHub's machines, where a job's container has `/__w`. */
function jobDirectoriesInContainer({ directories, fixedEnv }: JobPlan): GuestPaths {
  const { workspace, temp, toolCache, commands, actions } = directories;
  const repo = posix.basename(fixedEnv.GITHUB_REPOSITORY ?? "workspace");
  const home = homeIn(temp);
  for (const path of [toolCache, actions]) mkdirSync(path, { recursive: true });
  return new GuestPaths([
    { host: workspace, guest: posix.join("/__w", repo, repo) },
    { host: temp, guest: "/__w/_temp" },
    { host: actions, guest: "/__w/_actions" },
    { host: toolCache, guest: "/__w/_tool" },
    { host: commands, guest: "/__w/_commands" },
    { host: home, guest: "/github/home" },
    { host: process.execPath, guest: "/__e/tanvrit-compute", readOnly: true },
  ]);
}

function actionDirectoriesInContainer(
  { workspace, temp, commands, source }: JobDirectories,
  directory: string,
): GuestPaths {
  return new GuestPaths([
    { host: workspace, guest: "/github/workspace" },
    { host: temp, guest: "/github/runner_temp" },
    { host: commands, guest: "/github/file_commands" },
    { host: homeIn(temp), guest: "/github/home" },
    ...(directory === workspace || directory.startsWith(`${workspace}/`) || directory === source
      ? []
      : [{ host: directory, guest: "/github/action", readOnly: true }]),
  ]);
}

function homeIn(temp: string): string {
  const home = join(temp, "_github_home");
  mkdirSync(home, { recursive: true });
  return home;
}

function nameOf(executionId: string, key: string): string {
  const of = createHash("sha256").update(`${executionId}\0${key}`).digest("hex").slice(0, 12);
  return `tanvrit-workflow-${of}`;
}
