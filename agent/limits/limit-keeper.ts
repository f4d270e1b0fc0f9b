import { MIB } from "../../shared/bytes-text.ts";
import type { Environment } from "../process/environment.ts";
import type { Enforcement, ExceededLimit, TaskLimits, TaskUsage } from "./limits.ts";

/** Who keeps which limit on this machine. */
export interface LimitEnforcement {
  cpu: Enforcement;
  memory: Enforcement;
  pids: Enforcement;
  /** By what, for people. */
  enforcedBy: string;
}

/**
 * Holds jobs that run as processes to their limits, in the best way this machine offers. There is one for each
 * process that starts jobs.
 */
export interface LimitKeeper {
  readonly enforcement: LimitEnforcement;
  /**
   * Makes ready for one job. Throws LimitError where its limits cannot be kept, and leaves nothing then. A job
   * without limits gets a hold too, which costs next to nothing and only measures.
   */
  limit(executionId: string, limits: TaskLimits): LimitHandle;
  /** Ends what an earlier keeper held of these executions, and removes what it made for them. */
  recover(executionIds: readonly string[]): Promise<void>;
}

/** One job being held. `begin` is called once; after `release` only `exceeded` and `usage` may be called. */
export interface LimitHandle {
  /**
   * What to put before a command so that it is held from its first instruction on. The process id stays the same, and
   * the command sees the environment it would see without. undefined: nothing.
   */
  entrance(environment: Environment): string[] | undefined;
  /** Files of control groups: a process that writes its id into each of them is held. The same as by `entrance`. */
  readonly groups: readonly string[];
  /** The command runs. `onExceeded` is called at most once: the job has to be ended. All below `keeperPid` is the job. */
  begin(leaderPid: number, onExceeded: () => void, keeperPid?: number): void;
  /** The job's living processes as far as they are known; also those that left its group. */
  members(): number[];
  /** Kills all of them, also those that are being started, but what a keeper ends. Resolves when none is left, or they will not die. */
  end(): Promise<void>;
  /** What the job went over, if it did. */
  exceeded(): ExceededLimit | undefined;
  /** How many processes or threads the kernel refused to start because of the limit. */
  refusedStarts(): number;
  usage(): TaskUsage;
  /** Nothing runs any more. */
  release(): Promise<void>;
}

/** The limits of a job cannot be kept; the message is for people. */
export class LimitError extends Error {
  override name = "LimitError";
}

export function hasLimits(limits: TaskLimits): boolean {
  return limits.cpu !== undefined || limits.memoryMb !== undefined || limits.pids !== undefined;
}

/** MiB with one decimal, which is as exact as anybody reads it. */
export function toMib(bytes: number): number {
  return Math.round((bytes / MIB) * 10) / 10;
}
