import { textOf } from "../../../shared/text-of.ts";
import { inTime, pause } from "../../../shared/wait.ts";
import type { LimitEnforcement } from "../../limits/limit-keeper.ts";
import {
  type Executor,
  type Probe,
  type RunningTask,
  StartFailedError,
  type Task,
  type TaskOutput,
} from "../port/executor.ts";
import { removeLeftovers } from "./clean-up.ts";
import { findEngine, NoEngineError } from "./endpoint.ts";
import { Engine, type EngineFacts } from "./engine.ts";
import { ENGINE_AWAY_MS, EngineError, LOOK_AGAIN_MS } from "./engine-error.ts";
import { launch } from "./launch.ts";
import type { ContainerGrants } from "./settings.ts";

export interface DockerExecutorOptions {
  /** Names this agent for good: its containers are marked with it. */
  agentId: string;
  /** The agent's own environment: DOCKER_HOST and the like, and the passwords that agent.yaml refers to. */
  environment: Readonly<Record<string, string | undefined>>;
  /** What agent.yaml says at the moment. */
  settings(): ContainerGrants;
}

const PROBE_MS = 4_000;
/** Whoever starts or restarts waits no longer for an engine that does not let go of what was left in it. */
const SWEEP_LIMIT_MS = 10_000;
const SWEEP_AGAIN_MS = 500;
const MAX_SWEEP_AGAIN_MS = 5_000;

/** Runs commands in containers, by the Engine API of Docker or podman. */
export class DockerExecutor implements Executor {
  readonly jobType = "DOCKER";
  private readonly options: DockerExecutorOptions;
  private known: Connection | undefined;
  /** Executions that are being started, run, or are being cleaned up. */
  private readonly live = new Set<string>();
  /** Executions of earlier processes, to which containers may belong that others made. */
  private readonly lost = new Set<string>();
  /** There may be containers that nobody runs: an earlier process's at first, or one that could not be removed. */
  private sweepDue = true;
  private isSweepingAgain = false;
  private readonly closing = new AbortController();

  constructor(options: DockerExecutorOptions) {
    this.options = options;
  }

  /** Jobs are written for Linux: an engine that runs Windows containers cannot run them. */
  static canUse(engine: { osType: string }): boolean {
    return engine.osType === "linux";
  }

  enforcement(): LimitEnforcement {
    const facts = this.known?.facts;
    return {
      cpu: facts?.cpuLimit ? "kernel" : "none",
      memory: facts?.memoryLimit ? "kernel" : "none",
      pids: facts?.pidsLimit ? "kernel" : "none",
      enforcedBy: facts ? `${facts.name} by cgroup v${facts.cgroupVersion}` : "nothing",
    };
  }

  async probe(): Promise<Probe> {
    try {
      this.known = await this.look(PROBE_MS);
      return { available: true };
    } catch (error) {
      return { available: false, why: (error as Error).message };
    }
  }

  async start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    const { executionId } = task.assignment;
    this.live.add(executionId);
    try {
      const { engine, facts } = await this.connect();
      await untilItAnswers(engine, task.output, signal);
      if (this.sweepDue && !this.isSweepingAgain) await this.sweepBefore(task.output);
      return await launch(task, signal, {
        engine,
        facts,
        ...this.options,
        onGone: () => this.live.delete(executionId),
        onLeft: () => void this.sweepAgain(),
      });
    } catch (error) {
      this.live.delete(executionId);
      if (error instanceof StartFailedError) throw error;
      if (signal.aborted) throw new StartFailedError("The job was ended before its container ran.");
      throw new StartFailedError(textOf(error), { cause: error });
    }
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    for (const id of executionIds) this.lost.add(id);
    try {
      await this.sweepInTime();
      // A container that was just being made when its agent died is there only a moment later.
      if (executionIds.length > 0) void this.sweepAgain(MAX_SWEEP_AGAIN_MS);
    } catch (error) {
      // Where there is no engine, nothing runs in one; what was never asked for is looked for before the next start.
      const isAway = error instanceof EngineError && error.unreachable;
      if (error instanceof NoEngineError || (isAway && executionIds.length === 0)) return;
      void this.sweepAgain();
      throw error;
    }
  }

  /** Nothing else is held but the connections of running tasks. */
  async close(): Promise<void> {
    this.closing.abort();
  }

  /** What stays is told, and swept beside the job: it is none of its business. */
  private async sweepBefore(output: TaskOutput): Promise<void> {
    try {
      await this.sweepInTime();
    } catch (error) {
      output.system(`What an earlier job left in the engine could not be removed yet: ${textOf(error)}`);
      void this.sweepAgain();
    }
  }

  private async sweepInTime(): Promise<void> {
    const sweep = this.sweep().then(() => true);
    if (await inTime(SWEEP_LIMIT_MS, sweep)) return;
    sweep.catch(() => {}); // `sweepAgain` goes on with it.
    throw new Error(`The engine has not removed what was left in it within ${SWEEP_LIMIT_MS / 1_000} s.`);
  }

  /**
   * Sweeps once more, and on until it succeeds: an engine that is away comes back with its containers, and one that
   * refuses to remove a container does it later.
   */
  private async sweepAgain(firstMs = SWEEP_AGAIN_MS): Promise<void> {
    this.sweepDue = true;
    if (this.isSweepingAgain) return;
    this.isSweepingAgain = true;
    const { signal } = this.closing;
    for (let waitMs = firstMs; this.sweepDue; waitMs = Math.min(waitMs * 2, MAX_SWEEP_AGAIN_MS)) {
      await pause(waitMs, signal);
      if (signal.aborted) return;
      await this.sweep().catch(() => {}); // Whoever left it has told; it is due as before.
    }
    this.isSweepingAgain = false;
  }

  /** Removes what this agent left behind, or anybody of lost executions, and nobody here runs. */
  private async sweep(): Promise<void> {
    const { engine, facts } = await this.connect();
    this.sweepDue = false;
    try {
      const wanted = { agentId: this.options.agentId, executionIds: this.lost, live: this.live };
      await removeLeftovers(engine, facts, wanted);
    } catch (error) {
      this.sweepDue = true;
      throw error;
    }
  }

  private async connect(): Promise<Connection> {
    this.known ??= await this.look();
    return this.known;
  }

  /** Asks the engine that is there now. Throws what `probe` tells. */
  private async look(timeoutMs?: number): Promise<Connection> {
    const engine = new Engine(findEngine(this.options.environment));
    const facts = await engine.facts(timeoutMs);
    if (!DockerExecutor.canUse(facts)) {
      throw new NoEngineError(
        `${facts.name} runs ${facts.osType} containers; switch it to Linux containers.`,
      );
    }
    return { engine, facts };
  }
}

/** An engine that answered before is restarted, as a rule; a job that came meanwhile waits as those do that ran in it. */
async function untilItAnswers(engine: Engine, output: TaskOutput, signal: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + ENGINE_AWAY_MS;
  for (let told = false; ; told = true) {
    try {
      await engine.json("GET", "/version", { signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      const isAway = error instanceof EngineError && error.unreachable;
      if (!isAway || performance.now() > giveUpMs) throw error;
      if (!told) output.system(`${error.message}. The job waits for it.`);
      await pause(LOOK_AGAIN_MS, signal);
    }
  }
}

interface Connection {
  engine: Engine;
  facts: EngineFacts;
}
