import type { ExecutionStatus } from "../../shared/job-state.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { KeepsTimes } from "../tasks/clock.ts";

/** An execution that was just made, with its job. */
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

/** A live execution, with what a node must be told of it. */
export interface LiveExecution {
  execution: ExecutionRecord;
  cancelRequested: boolean;
}

/** The most executions of one answer to `live` by a time, or of nodes that are given up. */
export const MAX_DUE = 1_000;

/** Which live executions to look at. `onOfflineNodes`: those of nodes that are given up. */
export type LiveExecutionFilter =
  | { leaseExpiredBeforeMs: number }
  | { deadlineBeforeMs: number }
  | { onOfflineNodes: true }
  | { nodeId: string };

/**
 * Where executions are kept. Every operation is safe to call from many places at once; what it resolves with is on
 * disk. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface ExecutionStore extends KeepsTimes {
  find(businessId: string, executionId: string): Promise<ExecutionRecord | undefined>;
  /** Those of `executionIds` that belong to the node, with their jobs. */
  findOfNode(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]>;
  /** Newest first. */
  list(query: ExecutionListQuery): Promise<ExecutionRecord[]>;
  /** ASSIGNED and RUNNING executions: all of a node, and of every other choice at most MAX_DUE. */
  live(filter: LiveExecutionFilter): Promise<LiveExecution[]>;
  /** How many executions are live on each of these nodes; nodes with none are left out. */
  countLive(nodeIds: readonly string[]): Promise<Map<string, number>>;
  /**
   * Live executions that were assigned or started later than now, were so now: their leases and deadlines come as much
   * earlier.
   */
  bringBack(nowMs: number): Promise<number>;
  /** When the next lease ends and the next deadline comes. */
  nextDue(): Promise<{ leaseAtMs: number | undefined; deadlineAtMs: number | undefined }>;
}
