import type { Assigned } from "../execution/execution-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { Requirement } from "../job/requirement.ts";
import type { Speaker } from "../node/node-store.ts";

export interface AssignRequest {
  nodeId: string;
  businessId: string;
  /** The caller that waits for the jobs. It gets none if it no longer speaks for the node. Absent: not checked. */
  by?: Speaker;
  /** The most jobs to hand out. */
  limit: number;
  /** How many jobs the node may have more than it has slots; absent: none. */
  ahead?: number;
  nowMs: number;
  leaseExpiresAtMs: number;
}

/** Nodes that wait with free slots, for which nothing was queued a moment ago. */
export interface Offer {
  /** One for each node. */
  requests: readonly AssignRequest[];
  /**
   * Must be called once, in any case. Until then no other jobs are looked for.
   * @param assigned what each node got, in order.
   * @param isMore there may be jobs in the queue again.
   */
  close(assigned: readonly Assigned[][], isMore: boolean): void;
}

/** What the nodes of a business offer at the moment; undefined: nothing. */
export type OfferSource = (businessId: string) => Offer | undefined;

/**
 * Hands out queued jobs. Every operation is safe to call concurrently, and what it resolves with is on disk. Rejects
 * with ComputeError `storage_failed` if the store fails.
 */
export interface AssignStore {
  /** Lets nodes that wait get jobs in the moment in which these are created. Absent: they get them from the queue. */
  useOffers?(source: OfferSource): void;
  /**
   * Hands queued jobs of the node's business to the node, by priority, then by the user with the least running, then by
   * age. The node gets only jobs that it matches and has room for next to those it already has. Each job goes to one node.
   * Only when the free slots of all requests are served do nodes get jobs ahead of free slots (`ahead`), and only jobs that
   * may wait like that (see `waitsAhead`).
   * A node that takes no work (see `takesWork`) gets none. Resolves with one list per request, in order. The cost grows
   * with the number of different requirements, not with the length of the queue.
   */
  assign(requests: readonly AssignRequest[]): Promise<Assigned[][]>;
  /**
   * Puts jobs back into their queues if the server that began to assign them died and the assignment has expired by
   * `nowMs`. Resolves with those jobs. A store that assigns in one write never has any.
   */
  releaseOrphans(nowMs: number): Promise<JobRecord[]>;
  /** The requirements of the business's claimable jobs, each different requirement once. */
  claimableRequirements(businessId: string): Promise<Requirement[]>;
  /**
   * How many claimable jobs of the same business and pool come before this one by priority and age: at most `maxCount`.
   * The cost grows with that and with the number of different requirements, not with the length of the queue.
   */
  countAhead(job: JobRecord, maxCount: number): Promise<number>;
}
