import type { JobType } from "../../shared/manifest.ts";
import type { Assignment } from "../../shared/node.ts";

/** What an executor is given to run. */
export interface Task {
  assignment: Assignment;
  /** The execution's own fresh directory; it is there before `start` and until `wait` has resolved. */
  dir: string;
  output: TaskOutput;
}

/** Where a task's output goes. */
export interface TaskOutput {
  /**
   * Takes a chunk. If it returns a promise, the executor must not read on from this stream before it resolves, so
   * that a job which is faster than the network is held by its own pipe. The promise resolves early on `stop`.
   */
  write(stream: "stdout" | "stderr", bytes: Uint8Array, stop: AbortSignal): Promise<void> | undefined;
}

/** How the command itself ended. */
export interface TaskExit {
  exitCode?: number;
  /** As `SIGKILL`; there is no exit code then. */
  signal?: string;
}

export interface TaskUsage {
  cpuSeconds?: number;
  /** MiB; absent where it is not known. */
  peakMemoryMb?: number;
}

/**
 * Runs jobs of one type. Every implementation keeps these promises, whatever the job does:
 *
 * - `probe` may be called at any time and never throws. Nothing else is called after it said why it cannot work.
 * - `start` resolves when the command runs, and throws StartFailedError when it cannot be started; then nothing of
 *   it is left. It may be called many times at once, never twice for one execution.
 * - `wait` resolves once, when the command has ended, none of its processes is left, and all it wrote up to then has
 *   been handed to `output`. It never rejects because of what the job does. It must be called.
 * - `stop` asks the task to end (TERM), and ends it by force (KILL) when it has not done so `graceMs` later. It
 *   returns at once, may be called repeatedly and at any time; a shorter grace wins. Its effect is seen in `wait`.
 * - `usage` may be called after `wait` has resolved.
 * - `recover` is called once, before the first `start`, with the executions of an earlier run of this agent that
 *   did not end properly. When it resolves, nothing of them runs any more.
 * - `close` is called once at the end, when no task runs.
 */
export interface Executor {
  readonly jobType: JobType;
  /** One phrase for people, as "commands under the account ada". */
  describe(): string;
  /** undefined: works here; else one sentence why not. */
  probe(): Promise<string | undefined>;
  start(task: Task): Promise<RunningTask>;
  recover(executionIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface RunningTask {
  wait(): Promise<TaskExit>;
  stop(graceMs: number): void;
  usage(): TaskUsage;
}

/** The command could not be started; the message is for the person who submitted it. */
export class StartFailedError extends Error {
  override name = "StartFailedError";
}
