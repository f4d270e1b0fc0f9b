import type { ClientSession, Collection } from "mongodb";
import { nextJobStatus } from "../../shared/job-state.ts";
import type { Resources } from "../../shared/manifest.ts";
import type { Assigned } from "../execution/execution-store.ts";
import { leaseOf } from "../execution/rules.ts";
import {
  CLAIM_MS,
  type ExecutionDocument,
  executionDocument,
  type JobDocument,
  jobFromDocument,
  QUEUE_EXPRESSION,
} from "../job/job-documents.mongo.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import { ContentionError, isContention, letOthersGo, type MongoStore } from "../store/mongo.ts";
import type { AssignRequest } from "./assign-store.ts";
import { type LockedNode, NodeLocks } from "./node-locks.mongo.ts";

/** A queued job that is about to become an execution on a node. */
export interface Claim {
  executionId: string;
  jobId: string;
  queue: string;
  request: AssignRequest;
  resources: Resources;
  gpuIndexes: number[];
}

/** How long `confirm` tries to create executions. Then the jobs go back to their queues. */
const MAX_CONFIRM_MS = 2_000;
const MAX_PAUSE_MS = 10;
const MAX_ORPHANS = 1_000;

/** Undoes a claim: its job goes back to its queue, or becomes CANCELLED if somebody cancelled it meanwhile. */
const UNDO = [
  {
    $set: {
      status: {
        $cond: [
          { $gt: ["$cancel_requested_at", 0] },
          nextJobStatus("ASSIGNED", "cancel"),
          nextJobStatus("ASSIGNED", "release"),
        ],
      },
      finished_at: { $cond: [{ $gt: ["$cancel_requested_at", 0] }, "$cancel_requested_at", "$$REMOVE"] },
      queue: { $cond: [{ $gt: ["$cancel_requested_at", 0] }, "$$REMOVE", QUEUE_EXPRESSION] },
      attempt: { $subtract: ["$attempt", 1] },
      version: { $add: ["$version", 1] },
    },
  },
  { $unset: ["execution_id", "node_id", "assigned_at", "claim_expires_at"] },
];

/**
 * Turns queued jobs into executions, in two steps.
 *
 * 1. **Claim.** One conditional write per job takes it out of its queue. The job is ASSIGNED and names an execution that
 *    does not exist yet; `claim_expires_at` marks it as only claimed. Many servers want the same jobs, and a transaction
 *    over many of them would rarely succeed. With single writes a server loses only the jobs that another server got.
 * 2. **Confirm.** One transaction removes the marks, creates the executions and releases the nodes' locks. It covers only
 *    claims that are still in place, on nodes that are still locked. If it meets another writer, it is repeated with the
 *    nodes that are still locked.
 *
 * Claims that are not confirmed are undone. If a server dies between the two steps, its claims expire after `CLAIM_MS`,
 * and `releaseOrphans` undoes them from any server.
 */
export class MongoClaims {
  private readonly jobs: Collection<JobDocument>;
  private readonly claimedJobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly locks: NodeLocks;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.claimedJobs = store.preparing("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.locks = new NodeLocks(store);
  }

  /** Claims the jobs that are still free. Resolves with the claims that were lost to another server. */
  async claim(claims: readonly Claim[]): Promise<Set<Claim>> {
    if (claims.length === 0) return new Set();
    const writes = claims.map(({ jobId, queue, executionId, request }) => ({
      updateOne: {
        filter: { job_id: jobId, queue },
        update: {
          $set: {
            status: nextJobStatus("QUEUED", "assign"),
            execution_id: executionId,
            node_id: request.nodeId,
            assigned_at: request.nowMs,
            claim_expires_at: Math.min(request.leaseExpiresAtMs, request.nowMs + CLAIM_MS),
          },
          $unset: { queue: "" as const },
          $inc: { attempt: 1, version: 1 },
        },
      },
    }));
    const { modifiedCount } = await this.claimedJobs.bulkWrite(writes, { ordered: false });
    if (modifiedCount === claims.length) return new Set();
    const found = await this.claimedJobs
      .find({ job_id: { $in: claims.map((claim) => claim.jobId) } }, { projection: { execution_id: 1 } })
      .toArray();
    const won = new Set(found.map((job) => job.execution_id));
    return new Set(claims.filter((claim) => !won.has(claim.executionId)));
  }

  /**
   * Creates the executions of the claims. Resolves with them by execution id. Jobs of claims that cannot be confirmed go
   * back to their queues.
   */
  async confirm(claims: readonly Claim[], locked: readonly LockedNode[]): Promise<Map<string, Assigned>> {
    if (claims.length === 0) return new Map();
    const deadlineMs = performance.now() + MAX_CONFIRM_MS;
    let nodes = locked;
    let open = claims;
    for (;;) {
      try {
        const assigned = await this.store.transaction((session) => this.makeExecutions(session, open, nodes));
        await this.undo(claims.filter((claim) => !assigned.has(claim.executionId)));
        return assigned;
      } catch (error) {
        if (!isContention(error) || performance.now() > deadlineMs) {
          // The transaction may have been committed after all. `undo` leaves alone what has become an execution.
          await this.undo(claims);
          throw error;
        }
      }
      await letOthersGo(MAX_PAUSE_MS);
      nodes = await this.locks.stillHeld(locked);
      const held = new Set(nodes.map((node) => node.nodeId));
      open = claims.filter((claim) => held.has(claim.request.nodeId));
    }
  }

  /** Undoes claims whose server died before it confirmed them. Resolves with the jobs as they are then. */
  async releaseOrphans(nowMs: number): Promise<JobRecord[]> {
    const orphans = await this.jobs
      .find({ claim_expires_at: { $lte: nowMs } })
      .limit(MAX_ORPHANS)
      .toArray();
    if (orphans.length === 0) return [];
    const ids = orphans.map((job) => job.job_id);
    await this.jobs.updateMany({ job_id: { $in: ids }, claim_expires_at: { $lte: nowMs } }, UNDO);
    const released = await this.jobs.find({ job_id: { $in: ids } }).toArray();
    return released.map(jobFromDocument);
  }

  private async makeExecutions(
    session: ClientSession,
    claims: readonly Claim[],
    nodes: readonly LockedNode[],
  ): Promise<Map<string, Assigned>> {
    const jobIds = claims.map((claim) => claim.jobId);
    const executionIds = claims.map((claim) => claim.executionId);
    const mine = {
      job_id: { $in: jobIds },
      execution_id: { $in: executionIds },
      status: "ASSIGNED" as const,
    };
    await this.jobs.updateMany(
      { ...mine, claim_expires_at: { $gt: 0 } },
      { $unset: { claim_expires_at: "", ending: "", started_at: "", finished_at: "" } },
      { session },
    );
    const won = await this.jobs.find(mine, { session }).toArray();
    const byExecution = new Map(won.map((job) => [job.execution_id, job]));
    const assigned = claims.flatMap((claim) => {
      const document = byExecution.get(claim.executionId);
      if (!document) return [];
      const job = jobFromDocument(document);
      return [{ job, execution: executionOf(claim, job) }];
    });
    if (assigned.length > 0) {
      const documents = assigned.map(({ execution }) => executionDocument(execution));
      await this.executions.insertMany(documents, { session });
    }
    const { released } = await this.locks.release(nodes, session);
    if (released !== nodes.length) throw new ContentionError("A node changed while it was given jobs.");
    return new Map(assigned.map(({ job, execution }) => [execution.executionId, { job, execution }]));
  }

  private async undo(claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return;
    await this.jobs.updateMany(
      {
        job_id: { $in: claims.map((claim) => claim.jobId) },
        execution_id: { $in: claims.map((claim) => claim.executionId) },
        claim_expires_at: { $gt: 0 },
      },
      UNDO,
    );
  }
}

function executionOf(claim: Claim, job: JobRecord): ExecutionRecord {
  const { request } = claim;
  return {
    executionId: claim.executionId,
    jobId: claim.jobId,
    businessId: request.businessId,
    userId: job.userId,
    nodeId: request.nodeId,
    attempt: job.attempt,
    status: "ASSIGNED",
    resources: claim.resources,
    gpuIndexes: claim.gpuIndexes,
    leaseExpiresAtMs: leaseOf(job.manifest, request.nowMs, request.leaseExpiresAtMs),
    deadlineAtMs: undefined,
    end: undefined,
    assignedAtMs: request.nowMs,
    startedAtMs: undefined,
    finishedAtMs: undefined,
  };
}
