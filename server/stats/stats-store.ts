import type { JobStatus } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";
import type { ExecutionSeries } from "./execution-series.ts";
import { floorTo } from "./steps.ts";
import { addTally, newTally, type Tally } from "./tally.ts";

export interface OverviewQuery {
  businessId: string;
  /** No count goes beyond this, however many rows there are. */
  maxCount: number;
  /** Counts failures from this time on. */
  failedSinceMs: number;
}

export interface OverviewCounts {
  jobs: Record<JobStatus, number>;
  /** Jobs that ended as FAILED or TIMEOUT. */
  failed: number;
  /** Without removed nodes. */
  nodes: Record<NodeStatus, number>;
  /** Slots of the nodes that take work. */
  slots: number;
  /** ASSIGNED and RUNNING. */
  liveExecutions: number;
  /** Of the queued jobs that a node could have now. */
  oldestQueued: { jobId: string; name: string | undefined; createdAtMs: number } | undefined;
}

/** How many of the oldest queued jobs are looked at to find one that waits for nothing but a node. */
export const OLDEST_LOOKED_AT = 1_000;

/** What happened to something during `step` seconds from a time on, in epoch seconds. */
export interface SubjectTally extends Tally {
  /** The id of a business or a node, or SERVERS. */
  subject: string;
  step: number;
  atSeconds: number;
}

/** The subject of the tallies that say that the servers were there to count. */
export const SERVERS = "servers";

/** What a business has now. */
export interface BusyBusiness {
  businessId: string;
  /** Executions that are assigned or running. */
  running: number;
  /** Jobs that a node could have now, at most MAX_QUEUED. */
  queued: number;
}

/** Counting a queue stops here. */
export const MAX_QUEUED = 100_000;
/** How many businesses are looked at in one go. */
export const MAX_BUSY = 1_000;
/** How many tallies are merged in one go. */
export const MERGED_AT_ONCE = 500;

/**
 * Counts what the other stores keep, at a cost that does not grow with the number of jobs, and keeps what happened over
 * time. Every operation is safe to call concurrently. Rejects with ComputeError `storage_failed` if the store fails.
 */
export interface StatsStore {
  overview(query: OverviewQuery): Promise<OverviewCounts>;
  /** The businesses that have anything queued or running: at most MAX_BUSY. */
  busy(): Promise<BusyBusiness[]>;
  /** Adds the numbers to those that are stored for the same subject, step and time. */
  add(tallies: readonly SubjectTally[]): Promise<void>;
  /** The tallies of a subject, of every step, that begin at `sinceSeconds` or later and before `untilSeconds`. */
  read(subject: string, sinceSeconds: number, untilSeconds: number): Promise<SubjectTally[]>;
  /**
   * Merges some tallies that are too old for their step into those of the next step, and removes the oldest of the last
   * step. No number is lost or counts twice, whenever the server dies. Resolves with whether there may be more to do.
   */
  merge(nowSeconds: number): Promise<boolean>;
  /** Stores each series in the place of what is stored for the same execution. */
  putExecutions(series: readonly ExecutionSeries[]): Promise<void>;
  /** Those that are stored. They go with their job. */
  findExecutions(executionIds: readonly string[]): Promise<ExecutionSeries[]>;
}

/** Tallies of one step as those of the next; times and steps in seconds. */
export function coarser(tallies: readonly SubjectTally[], step: number): SubjectTally[] {
  const merged = new Map<string, SubjectTally>();
  for (const { subject, atSeconds, ...tally } of tallies) {
    const at = floorTo(step, atSeconds);
    const key = `${subject} ${at}`;
    const one = merged.get(key) ?? { subject, step, atSeconds: at, ...newTally() };
    addTally(one, tally);
    merged.set(key, one);
  }
  return [...merged.values()];
}
