import type { JobStatus } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";

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

/**
 * Counts what the other stores keep. Its cost does not grow with the number of jobs. Rejects with ComputeError
 * `storage_failed` if the store fails.
 */
export interface StatsStore {
  overview(query: OverviewQuery): Promise<OverviewCounts>;
}
