import type { JobType } from "../../../shared/manifest.ts";
import type { Assignment } from "../../../shared/node.ts";
import type { LimitEnforcement } from "../../limits/limit-keeper.ts";
import type { ExceededLimit, TaskLimits, TaskUsage } from "../../limits/limits.ts";
import type { JobAccount } from "../../process/account.ts";
import type { Environment } from "../../process/environment.ts";

/** One device that a job was given. */
export interface TaskGpu {
  vendor: "nvidia" | "amd" | "apple";
  /** On this node, as the server counts them. */
  index: number;
  /** The vendor's name for the device, the same after a restart; absent where it has none. */
  uuid?: string;
}

/** What an executor is given to run. */
export interface Task {
  assignment: Assignment;
  /** The node the agent is; containers and the like are marked with it. */
  nodeId: string;
  /** The execution's own fresh directory; it is there before `start` and until `wait` has resolved. */
  dir: string;
  output: TaskOutput;
  limits: TaskLimits;
  /** Nobody else has these while the task lasts. */
  gpus: readonly TaskGpu[];
  /** The part of the agent's own environment that jobs may see; the executor adds the job's own to it. */
  environment: Environment;
  /** Who the job runs as; absent: the agent's own account. `dir` is that account's. */
  account?: JobAccount | undefined;
  /** The soft limit of open files that the agent was started with; absent: that of this process. */
  openFiles?: number | undefined;
}

/** Where a task's output goes. */
export interface TaskOutput {
  /**
   * Takes a chunk. If it returns a promise, the executor must not read on from this stream before it resolves, so
   * that a job which is faster than the network is held by its own pipe. The promise resolves early on `stop`.
   */
  write(stream: "stdout" | "stderr", bytes: Uint8Array, stop: AbortSignal): Promise<void> | undefined;
  /** A line of the agent's own about the job, as the progress of a pull. `lost`: output may be missing there. */
  system(text: string, options?: { lost?: boolean }): void;
}

/** How the command itself ended. */
export interface TaskExit {
  exitCode?: number;
  /** As `SIGKILL`; there is no exit code then. */
  signal?: string;
  /** The executor, or the kernel on its behalf, ended it because it went over a limit. */
  exceeded?: ExceededLimit;
  /**
   * How it ended is not known, or not its own doing, as what held it went away under it; one sentence. What may be
   * left of it is ended before the next start.
   */
  lost?: string;
}

export type Probe =
  | { available: true }
  /** One sentence for people: what is missing, and what to do about it. */
  | { available: false; why: string };

/**
 * Runs jobs of one type. Every implementation keeps these promises, whatever the job does:
 *
 * - `enforcement` says who enforces each limit. It is cheap, has no effect, and is right once `probe` has resolved.
 * - `probe` may be called at any time and again and again, takes no longer than a few seconds, and never throws. It
 *   gives the same answer as long as the machine stays the same. Where it said why not, `start` throws
 *   StartFailedError.
 * - `start` resolves when the command runs, and throws StartFailedError when it cannot be started; then nothing of
 *   it is left. It may be called many times at once, never twice for one execution. When `signal` fires, it gives up
 *   with StartFailedError as soon as it can: a pull may take an hour that nobody wants to wait for.
 * - `wait` resolves when the command has ended, none of its processes is left, and all it wrote up to then has been
 *   handed to `output`. It never rejects because of what the job does. It must be called; called again, it gives the
 *   same answer.
 * - `stop` asks the task to end (TERM, or the stop signal of its manifest), and ends it by force (KILL) when it has
 *   not done so `graceMs` later. It returns at once, may be called repeatedly and at any time, also after the end; a
 *   shorter grace wins. Its effect is seen in `wait`.
 * - `usage` may be called at any time and gives what is known so far; after `wait` has resolved it is final.
 * - `recover` is called before the first `start` with the executions of an earlier process that did not end
 *   properly. When it resolves, nothing of them runs any more. What belongs to others is never touched. Executions
 *   it does not know are none of its business; called again, it finds nothing to do.
 * - `close` is called at the end, when no task runs; a second call does nothing.
 */
export interface Executor {
  readonly jobType: JobType;
  enforcement(): LimitEnforcement;
  probe(): Promise<Probe>;
  start(task: Task, signal: AbortSignal): Promise<RunningTask>;
  recover(executionIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface RunningTask {
  /** What `stop` sends first, where neither the manifest nor SIGTERM says it. */
  readonly stopSignal?: string;
  wait(): Promise<TaskExit>;
  stop(graceMs: number): void;
  usage(): TaskUsage;
}

/** The command could not be started; the message is for the person who submitted it. */
export class StartFailedError extends Error {
  override name = "StartFailedError";
}
