import { textOf } from "../../../shared/text-of.ts";
import { inTime, pause } from "../../../shared/wait.ts";
import type { LimitEnforcement } from "../../limits/limit-enforcer.ts";
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
  /** The permanent id of this agent, which its containers have as a label. */
  agentId: string;
  /** The agent's environment: DOCKER_HOST and the like, and the passwords that agent.yaml refers to. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The current grants from agent.yaml. */
  settings(): ContainerGrants;
}

const PROBE_MS = 4_000;
/** A start or restart waits no longer than this for an engine to remove leftovers. */
const SWEEP_LIMIT_MS = 10_000;
const SWEEP_AGAIN_MS = 500;
const MAX_SWEEP_AGAIN_MS = 5_000;

/** Runs commands in containers, over the Engine API of Docker or podman. */
export class DockerExecutor implements Executor {
  readonly jobType = "DOCKER";
  private known: Connection | undefined;
  /** Executions that are being started, are running, or are being cleaned up. */
  private readonly live = new Set<string>();
  /** Executions of earlier processes. Their containers may have been created by another agent id. */
  private readonly lost = new Set<string>();
  /** There may be leftover containers: at first from an earlier process, later any that could not be removed. */
  private sweepDue = true;
  private isSweepingAgain = false;
  private readonly closing = new AbortController();

  constructor(private readonly options: DockerExecutorOptions) {}

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
      return { available: false, why: textOf(error) };
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
      // A container that was being created when its agent died may appear a moment later.
      if (executionIds.length > 0) void this.sweepAgain(MAX_SWEEP_AGAIN_MS);
    } catch (error) {
      // Without an engine, no container runs. If there is nothing to recover, the sweep can wait for the next start.
      const isAway = error instanceof EngineError && error.unreachable;
      if (error instanceof NoEngineError || (isAway && executionIds.length === 0)) return;
      void this.sweepAgain();
      throw error;
    }
  }

  /** Only running tasks hold connections, so there is nothing else to close. */
  async close(): Promise<void> {
    this.closing.abort();
  }

  /** Leftovers that cannot be removed now are logged and swept in the background; the job is unaffected. */
  private async sweepBefore(output: TaskOutput): Promise<void> {
    try {
      await this.sweepInTime();
    } catch (error) {
      output.system(`Containers left by an earlier job could not be removed yet: ${textOf(error)}`);
      void this.sweepAgain();
    }
  }

  private async sweepInTime(): Promise<void> {
    const sweep = this.sweep().then(() => true);
    if (await inTime(SWEEP_LIMIT_MS, sweep)) return;
    sweep.catch(() => {}); // `sweepAgain` tries again.
    throw new Error(`The engine did not remove leftover containers within ${SWEEP_LIMIT_MS / 1_000} s.`);
  }

  /**
   * Sweeps in the background until it succeeds: an engine that is away comes back with its containers, and an engine that
   * refuses to remove a container will do it later.
   */
  private async sweepAgain(firstMs = SWEEP_AGAIN_MS): Promise<void> {
    this.sweepDue = true;
    if (this.isSweepingAgain) return;
    this.isSweepingAgain = true;
    const { signal } = this.closing;
    for (let waitMs = firstMs; this.sweepDue; waitMs = Math.min(waitMs * 2, MAX_SWEEP_AGAIN_MS)) {
      await pause(waitMs, signal);
      if (signal.aborted) return;
      await this.sweep().catch(() => {}); // Already logged; the sweep is still due.
    }
    this.isSweepingAgain = false;
  }

  /** Removes containers that this agent left behind, and those of lost executions, unless they are live. */
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

  /** Asks the engine that answers now. Throws the reason that `probe` reports. */
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

/**
 * Waits for an engine that answered before: usually it is being restarted. A job that arrives in the meantime waits, like
 * jobs that were already running.
 */
async function untilItAnswers(engine: Engine, output: TaskOutput, signal: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + ENGINE_AWAY_MS;
  for (let told = false; ; told = true) {
    try {
      await engine.ping(signal);
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
