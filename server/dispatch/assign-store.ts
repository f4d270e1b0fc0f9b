import type { Assigned } from "../execution/execution-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { Requirement } from "../job/requirement.ts";
import type { Speaker } from "../node/node-store.ts";
export interface AssignRequest {
  nodeId: string;
  businessId: string;
  /** Who waits: one that does not speak for the node any more gets none. Absent: whoever it is. */
  by?: Speaker;
  /** The most jobs to hand out. */
  limit: number;
  nowMs: number;
  leaseExpiresAtMs: number;
}

/**
 * Hands out queued jobs. Every operation is safe to call from many places at once; what it resolves with is on disk.
 * Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface AssignStore {
  /**
   * Hands queued jobs of the node's business to the node: by priority, then age, only those it matches and has
   * capacity for beside what it has already, each job to one node only. A node that is not ACTIVE gets none. One list
   * per request, in order. Cost grows with the number of different requirements, not with the queue.
   */
  assign(requests: readonly AssignRequest[]): Promise<Assigned[][]>;
  /**
   * Puts jobs back into their queues whose assignment was begun before this time and never finished, because the
   * server that made it died. Resolves with those jobs. Where an assignment is one write there are none.
   */
  releaseOrphans(nowMs: number): Promise<JobRecord[]>;
  /** What the jobs of the business that could be claimed now ask for: each different requirement once. */
  claimableRequirements(businessId: string): Promise<Requirement[]>;
}
