import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import { DockerExecutor, type DockerExecutorOptions } from "../../agent/executors/docker/docker-executor.ts";
import type { Engine } from "../../agent/executors/docker/engine.ts";
import { type ContainerGrants, plainGrants } from "../../agent/executors/docker/settings.ts";
import type { RunningTask, TaskExit, TaskGpu } from "../../agent/executors/port/executor.ts";
import type { TaskLimits } from "../../agent/limits/limits.ts";
import type { JobAccount } from "../../agent/process/account.ts";
import { nodeAllow } from "../../shared/allow.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { assignmentOf } from "../support/agent/assignment.ts";
import { testEngine } from "../support/docker.ts";
import { waitFor } from "../support/wait.ts";

export interface Job {
  executionId: string;
  dir: string;
  task: RunningTask;
  text: { stdout: string; stderr: string };
  /** The lines from the agent itself. */
  said: string[];
  until(text: string): Promise<unknown>;
}

export interface JobOptions {
  limits?: TaskLimits;
  gpus?: TaskGpu[];
  signal?: AbortSignal;
  account?: JobAccount;
  /** Replaces the default, which takes all output immediately. */
  write?: (stream: "stdout" | "stderr", bytes: Uint8Array) => Promise<void> | undefined;
  said?: string[];
}

/** An executor that uses the real engine, and directories for its jobs. */
export class DockerStage implements Disposable, AsyncDisposable {
  readonly agentId = newId("node");
  readonly executor: DockerExecutor;
  /** What the owner of the node allows. */
  grants: ContainerGrants = plainGrants;
  readonly root = mkdtempSync(join(tmpdir(), "tanvrit-docker-"));

  constructor(
    options: Partial<DockerExecutorOptions> = {},
    readonly engine: Engine = testEngine(),
  ) {
    this.executor = new DockerExecutor({
      agentId: this.agentId,
      environment: process.env,
      settings: () => this.grants,
      ...options,
    });
  }

  /** Sets what the owner allows, as `allow` in agent.yaml does. */
  allow(allow: z.input<typeof nodeAllow>): void {
    this.grants = { ...plainGrants, allow: nodeAllow.parse(allow) };
  }

  async start(manifest: JobManifestInput, options: JobOptions = {}): Promise<Job> {
    const executionId = newId("exe");
    const dir = mkdtempSync(join(this.root, "job-"));
    const text = { stdout: "", stderr: "" };
    const said = options.said ?? [];
    const task = await this.executor.start(
      {
        nodeId: newId("node"),
        limits: options.limits ?? {},
        gpus: options.gpus ?? [],
        account: options.account,
        environment: { PATH: "/host/bin", HOME: "/host/home" },
        assignment: assignmentOf({ type: "DOCKER", ...manifest }, executionId),
        dir,
        output: {
          write(stream, bytes) {
            text[stream] += Buffer.from(bytes).toString("latin1");
            return options.write?.(stream, bytes);
          },
          system: (line) => void said.push(line),
        },
      },
      options.signal ?? new AbortController().signal,
    );
    const until = (wanted: string) =>
      waitFor(`the output to hold ${wanted}`, () => text.stdout.includes(wanted), { seen: () => text });
    return { executionId, dir, task, text, said, until };
  }

  async run(manifest: JobManifestInput, options: JobOptions = {}): Promise<Job & { exit: TaskExit }> {
    const job = await this.start(manifest, options);
    return { ...job, exit: await job.task.wait() };
  }

  /** The containers of this stage's agent, in any state. */
  async containers(): Promise<string[]> {
    const filters = JSON.stringify({ label: [`com.tanvrit.compute.agent=${this.agentId}`] });
    const all = await this.engine.json<{ Id: string }[]>("GET", "/containers/json", {
      query: { all: true, filters },
    });
    return all.map(({ Id }) => Id);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.close();
    this[Symbol.dispose]();
  }
}
