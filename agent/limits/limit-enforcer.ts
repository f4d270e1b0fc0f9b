import { MIB } from "../../shared/bytes-text.ts";
import type { Environment } from "../process/environment.ts";
import type { Enforcement, ExceededLimit, TaskLimits, TaskSample, TaskUsage } from "./limits.ts";

/** How each limit is enforced on this machine. */
export interface LimitEnforcement {
  cpu: Enforcement;
  memory: Enforcement;
  pids: Enforcement;
  /** The mechanism, for people: "cgroup v1 at /sys/fs/cgroup/memory/tanvrit", "samples of the process tree". */
  enforcedBy: string;
}

/**
 * Keeps jobs that run as processes within their limits, in the best way this machine offers. Each process that starts
 * jobs has one enforcer.
 */
export interface LimitEnforcer {
  readonly enforcement: LimitEnforcement;
  /**
   * Prepares the limits of one job. If they cannot be enforced, throws LimitError and leaves nothing behind. A job without
   * limits gets a handle too; it costs next to nothing and only measures.
   */
  limit(executionId: string, limits: TaskLimits): LimitHandle;
  /** Ends what an earlier process left of these executions, and removes what its enforcer made for them. */
  recover(executionIds: readonly string[]): Promise<void>;
}

/** The limits of one job. Call `begin` once; after `release` call only `exceeded` and `usage`. */
export interface LimitHandle {
  /**
   * The words to put before a command so that the limits apply from its first instruction on. They change neither the
   * process id nor the environment that the command sees. undefined: none needed.
   */
  entrance(environment: Environment): string[] | undefined;
  /** Files of control groups. Writing its id into each of them limits a process, as `entrance` does. */
  readonly groups: readonly string[];
  /**
   * Tells the handle that the command runs. `onExceeded` is called at most once, when the job must be ended. Everything
   * below `keeperPid` belongs to the job.
   */
  begin(leaderPid: number, onExceeded: () => void, keeperPid?: number): void;
  /** The known living processes of the job, including those that left its process group. */
  members(): number[];
  /**
   * Kills all members, including processes being started, except those that a keeper process ends. Resolves once none is
   * left, or once it is clear that they will not die.
   */
  end(): Promise<void>;
  /** The limit that the job exceeded, if any. */
  exceeded(): ExceededLimit | undefined;
  /** The number of processes or threads that the kernel refused to start because of the limit. */
  refusedStarts(): number;
  usage(): TaskUsage;
  /** What the job uses now; undefined: that is not known, or not yet. Cheap. */
  sample(): TaskSample | undefined;
  /** Call it when nothing of the job runs any more. */
  release(): Promise<void>;
}

/** The limits of a job cannot be enforced. The message is for people. */
export class LimitError extends Error {
  override name = "LimitError";
}

export function hasLimits(limits: TaskLimits): boolean {
  return limits.cpu !== undefined || limits.memoryMb !== undefined || limits.pids !== undefined;
}

/** MiB with one decimal, which is precise enough for people. */
export function toMib(bytes: number): number {
  return Math.round((bytes / MIB) * 10) / 10;
}
