import { resolve } from "node:path";
import { pause } from "../../../shared/wait.ts";
import { keepers } from "../../keeper/keeper.ts";
import { chooseLimitEnforcer } from "../../limits/choose-enforcer.ts";
import {
  type LimitEnforcement,
  type LimitEnforcer,
  LimitError,
  type LimitHandle,
} from "../../limits/limit-enforcer.ts";
import { processesOf } from "../../process/marks.ts";
import { endStragglers } from "../../process/process-tree.ts";
import {
  type Executor,
  type Probe,
  type RunningTask,
  StartFailedError,
  type Task,
} from "../port/executor.ts";
import { jobEnvironment } from "../port/job-environment.ts";
import { ShellTask } from "./shell-task.ts";
import { spawnChild } from "./spawn.ts";

/** How soon after the end of a job to look for processes that slipped out of its group. */
const SWEEP_MS = 1_000;

/** A process to run for a task. */
export interface ShellProcess {
  /** The argument vector. */
  command: string[];
  cwd: string;
  stopSignal: string;
  /** Gets the stop signal alone, and ends its children itself. */
  stopsItsChildren?: boolean;
}

const NOT_YET_KNOWN: LimitEnforcement = { cpu: "none", memory: "none", pids: "none", enforcedBy: "nothing" };

/**
 * Runs commands under the agent's own account, or the account that the task names. Each command leads a session and
 * process group of its own.
 */
export class ShellExecutor implements Executor {
  readonly jobType = "COMMAND";
  private choosing: Promise<LimitEnforcer> | undefined;
  private enforcer: LimitEnforcer | undefined;
  /** Executions that ended since the last sweep. */
  private ended = new Set<string>();
  private sweeping: Promise<void> | undefined;
  private readonly closing = new AbortController();

  /** @param chooseEnforcer called once, when it is first needed, to decide how limits are enforced. */
  constructor(private readonly chooseEnforcer: () => Promise<LimitEnforcer> = chooseLimitEnforcer) {}

  enforcement(): LimitEnforcement {
    return this.enforcer?.enforcement ?? NOT_YET_KNOWN;
  }

  async probe(): Promise<Probe> {
    await this.limitEnforcer();
    const { platform, env } = process;
    if (platform === "win32" || Bun.which("sh", { PATH: env.PATH ?? "" })) return { available: true };
    return { available: false, why: "There is no sh in PATH; install a POSIX shell or correct PATH." };
  }

  async start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    if (signal.aborted) throw new StartFailedError("The start was given up before the command ran.");
    const { manifest } = task.assignment;
    const command = typeof manifest.command === "string" ? shell(manifest.command) : manifest.command;
    if (command === undefined) throw new StartFailedError("The job has no command to run.");
    const cwd = manifest.workdir === undefined ? task.dir : resolve(task.dir, manifest.workdir);
    return this.run(task, { command, cwd, stopSignal: manifest.stopSignal ?? "SIGTERM" });
  }

  /** Starts a process with the limits, account and environment of the task. Throws StartFailedError. */
  async run(
    task: Task,
    { command, cwd, stopSignal, stopsItsChildren = false }: ShellProcess,
  ): Promise<ShellTask> {
    const { executionId } = task.assignment;
    const enforcer = this.enforcer ?? (await this.limitEnforcer());
    const env = jobEnvironment(task);
    const handle = handleFor(enforcer, task);
    try {
      const { account, openFiles } = task;
      const child = await spawnChild({ executionId, command, cwd, env, handle, account, openFiles });
      return new ShellTask(child, {
        executionId,
        outputRoot: cwd,
        output: task.output,
        limits: task.limits,
        stopSignal,
        stopsItsChildren,
        handle,
        onEnd: () => this.sweepLater(executionId),
      });
    } catch (error) {
      await handle.release();
      throw error;
    }
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    await (await this.limitEnforcer()).recover(executionIds);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.sweeping;
  }

  private async limitEnforcer(): Promise<LimitEnforcer> {
    this.choosing ??= this.chooseEnforcer();
    this.enforcer = await this.choosing;
    return this.enforcer;
  }

  /**
   * A command may leave behind a process in a session of its own that holds neither stdout nor stderr. Looking for such
   * processes whenever a job ends would cost more than a short job; one look a second for all ended jobs is cheap.
   */
  private sweepLater(executionId: string): void {
    // Below a keeper, such processes are already found when the job ends.
    if (process.platform !== "linux" || keepers()) return;
    this.ended.add(executionId);
    this.sweeping ??= this.sweep();
  }

  private async sweep(): Promise<void> {
    while (this.ended.size > 0) {
      await pause(SWEEP_MS, this.closing.signal);
      const ended = this.ended;
      this.ended = new Set();
      if (processesOf(ended).length > 0) await endStragglers(ended);
    }
    this.sweeping = undefined;
  }
}

function shell(text: string): string[] {
  return process.platform === "win32" ? ["cmd.exe", "/d", "/s", "/c", text] : ["sh", "-c", text];
}

function handleFor(enforcer: LimitEnforcer, { assignment, limits }: Task): LimitHandle {
  try {
    return enforcer.limit(assignment.executionId, limits);
  } catch (error) {
    if (error instanceof LimitError) throw new StartFailedError(error.message, { cause: error });
    throw error;
  }
}
