import type { JobType } from "../../../shared/job-fields.ts";
import type { Labels } from "../../../shared/labels.ts";
import type { Assignment } from "../../../shared/node.ts";
import type { WorkflowRun } from "../../../shared/workflow-run.ts";
import type { LimitEnforcement } from "../../limits/limit-enforcer.ts";
import type { ExceededLimit, TaskLimits, TaskSample, TaskUsage } from "../../limits/limits.ts";
import type { JobAccount } from "../../process/account.ts";
import type { Environment } from "../../process/environment.ts";

/** A device that was given to a job. */
export interface TaskGpu {
  vendor: "nvidia" | "amd" | "apple";
  /** The number by which the server knows the device on this node. */
  index: number;
  /** The vendor's name for the device, the same after a restart; absent if it has none. */
  uuid?: string;
}

/** What the owner of a machine settles for workflows. */
export interface WorkflowSettings {
  /** Caches and fetched actions, which stay from run to run. The job's account may write there. */
  cacheDirectory: string;
  nodeLabels: Labels;
  /** What a label of `runs-on` asks of the node's labels. */
  runsOn: Readonly<Record<string, Labels>>;
  actionsUrl?: string | undefined;
}

/** What a job of type GITHUB_ACTION gets besides its manifest. */
export interface WorkflowTask extends WorkflowSettings {
  /** Values by the name that the workflow uses. */
  secrets: Readonly<Record<string, string>>;
  /** The attempt before, if only its failed jobs run again. */
  previous?: WorkflowRun | undefined;
}

/** A file to which a job appends its events, one as JSON per line, while it runs. */
export interface EventsFile {
  /** Absolute. */
  path: string;
  /** Only a file of this account counts; absent: any. */
  ownerUid?: number | undefined;
}

/** One execution for an executor to run. */
export interface Task {
  assignment: Assignment;
  /** The agent's node; executors mark what they create with it, such as containers. */
  nodeId: string;
  /** The execution's own, fresh directory. It exists from before `start` until `wait` has resolved. */
  dir: string;
  output: TaskOutput;
  limits: TaskLimits;
  /** No other job uses these while the task lasts. */
  gpus: readonly TaskGpu[];
  /** The part of the agent's environment that jobs may see. The executor adds the job's own variables. */
  environment: Environment;
  /** The account that the job runs as and that owns `dir`; absent: the agent's own account. */
  account?: JobAccount | undefined;
  /** The soft limit of open files that the agent was started with; absent: the limit of this process. */
  openFiles?: number | undefined;
  /** Results of other jobs, as variables; those of the manifest win. */
  results?: Environment;
  /** Variables that hold secrets. */
  secrets?: Environment;
  /** Only for jobs of type GITHUB_ACTION. */
  workflow?: WorkflowTask | undefined;
}

/** Receives the output of a task. */
export interface TaskOutput {
  /**
   * Takes a chunk. If it returns a promise, the executor must not read more of this stream until the promise resolves:
   * a job that is faster than the network then blocks on its own pipe. The promise resolves early on `stop`.
   */
  write(stream: "stdout" | "stderr", bytes: Uint8Array, stop: AbortSignal): Promise<void> | undefined;
  /** Adds a line from the agent about the job, such as the progress of a pull. `lost`: output may be missing at that point. */
  system(text: string, options?: { lost?: boolean }): void;
}

/** How the command ended. */
export interface TaskExit {
  exitCode?: number;
  /** Such as `SIGKILL`; then there is no exit code. */
  signal?: string;
  /** Set if the executor, or the kernel on its behalf, ended the command because it exceeded a limit. */
  exceeded?: ExceededLimit;
  /** One sentence why it failed, if more is known than the exit code. */
  message?: string;
  /** It says that something else than this agent cancelled it. */
  cancelled?: true;
  /**
   * One sentence, set if it is unknown how the command ended, or if it ended because what ran it went away. Anything left
   * of it is ended before the next start.
   */
  lost?: string;
}

export type Probe =
  | { available: true }
  /** `why`: one sentence for people: what is missing, and what to do about it. */
  | { available: false; why: string };

/**
 * Runs jobs of one type. Every implementation keeps these promises, whatever a job does:
 *
 * - `enforcement` says how each limit is enforced. It is cheap and has no side effects. Its answer is right once `probe`
 *   has resolved.
 * - `probe` can be called at any time and any number of times. It takes a few seconds at most and never throws. Its
 *   answer is the same as long as the machine does not change. If the executor is not available, `start` throws
 *   StartFailedError.
 * - `start` resolves once the command runs. If the command cannot be started, it throws StartFailedError and leaves
 *   nothing behind. Callers can start many executions concurrently, but each execution only once. When `signal` fires,
 *   `start` gives up as soon as it can and throws StartFailedError: nobody wants to wait for a pull that takes an hour.
 * - `wait` resolves once the command has ended, all its processes are gone, and everything they wrote has been passed to
 *   `output`. It never rejects because of what the job does. Callers must call it; further calls give the same answer.
 * - `stop` asks the task to end (with TERM, or the stop signal in the manifest) and kills it (KILL) if it is still
 *   running `graceMs` later. It returns immediately. It can be called at any time and repeatedly, even after the end;
 *   the shortest grace wins. `wait` shows the effect.
 * - `usage` can be called at any time and returns what is known so far. It is final once `wait` has resolved.
 * - `sample` can be called at any time, costs next to nothing, and returns what the task uses at that moment; undefined if
 *   that is not known, or the command has ended.
 * - `recover` is called before the first `start`, with the executions that an earlier process did not end properly. Once
 *   it resolves, nothing of them runs any more. It never touches anything that belongs to others, and ignores executions
 *   that it does not know. Calling it again does nothing.
 * - `close` is called at the end, when no task runs. A second call does nothing.
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
  /** The signal that `stop` sends first; absent: the one in the manifest, or SIGTERM. */
  readonly stopSignal?: string;
  /** The directory below which the job's outputs are: where its command started. */
  readonly outputRoot: string;
  /** Outputs that a job of this type has besides those that its manifest names: globs. */
  readonly ownOutputs?: readonly string[];
  readonly events?: EventsFile;
  wait(): Promise<TaskExit>;
  stop(graceMs: number): void;
  usage(): TaskUsage;
  sample(): TaskSample | undefined;
}

/** The command could not be started. The message is for the person who submitted it. */
export class StartFailedError extends Error {
  override name = "StartFailedError";
}
