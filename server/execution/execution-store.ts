import type { ExecutionStatus } from "../../shared/job-state.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { LiveCount } from "../node/live-count.ts";
import type { KeepsTimes } from "../tasks/clock.ts";

/** An execution that was just created, with its job. */
export interface Assigned {
  job: JobRecord;
  execution: ExecutionRecord;
}

export interface ExecutionListQuery {
  businessId: string;
  jobId: string | undefined;
  nodeId: string | undefined;
  status: readonly ExecutionStatus[] | undefined;
  beforeExecutionId: string | undefined;
  limit: number;
}

/** A live execution, and whether its node must be asked to cancel it. */
export interface LiveExecution {
  execution: ExecutionRecord;
  cancelRequested: boolean;
}

/** The most executions in one answer from `live`, unless it asks for one node. */
export const MAX_DUE = 1_000;

/** Selects live executions. `onOfflineNodes`: those on OFFLINE nodes. */
export type LiveExecutionFilter =
  | { leaseExpiredBeforeMs: number }
  | { deadlineBeforeMs: number }
  | { onOfflineNodes: true }
  | { nodeId: string };

/**
 * Stores executions. Every operation is safe to call concurrently, and what it resolves with is on disk. Rejects with
 * ComputeError `storage_failed` if the store fails.
 */
export interface ExecutionStore extends KeepsTimes {
  find(businessId: string, executionId: string): Promise<ExecutionRecord | undefined>;
  /** The executions among `executionIds` that belong to the node, with their jobs. */
  findOfNode(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]>;
  /** Newest first. */
  list(query: ExecutionListQuery): Promise<ExecutionRecord[]>;
  /** ASSIGNED and RUNNING executions: all of them for one node; for any other filter at most MAX_DUE. */
  live(filter: LiveExecutionFilter): Promise<LiveExecution[]>;
  /** How many executions are live on each of these nodes. Nodes without live executions are left out. */
  countLive(nodeIds: readonly string[]): Promise<Map<string, LiveCount>>;
  /**
   * Changes live executions whose assignment or start is in the future: it is set to now, and their leases and deadlines
   * move earlier by the same amount.
   */
  bringBack(nowMs: number): Promise<number>;
  /** When the next lease expires and the next deadline passes. */
  nextDue(): Promise<{ leaseAtMs: number | undefined; deadlineAtMs: number | undefined }>;
}
