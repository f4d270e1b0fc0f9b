import type { Collection } from "mongodb";
import { nextJobStatus } from "../../shared/job-state.ts";
import type { Assigned } from "../execution/execution-store.ts";
import {
  CLAIM_MS,
  type ExecutionDocument,
  FIELDS_OF_OPEN_JOBS,
  isClaimable,
  type JobDocument,
  jobFromDocument,
  jobUpdateFrom,
  QUEUE_EXPRESSION,
  queueOf,
} from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { KnownJob, RecentJobs } from "../job/recent-jobs.mongo.ts";
import { executionDocument, runFields } from "../job/run-documents.mongo.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { AssignRequest } from "./assign-store.ts";
import { assignmentOf } from "./assignment.ts";

/** A queued job that is about to become an execution on a node. */
export interface Claim {
  executionId: string;
  jobId: string;
  queue: string;
  request: AssignRequest;
  gpuIndexes: number[];
}

/** What a claim makes of a job in this version. */
export interface ClaimDraft extends Assigned {
  claim: Claim;
  queued: JobRecord;
  version: number;
}

const MAX_ORPHANS = 1_000;

const ifCancelled = (then: unknown, otherwise: unknown) => ({
  $cond: [{ $gt: ["$cancel_requested_at", 0] }, then, otherwise],
});

/** Undoes a claim: its job goes back to its queue, or becomes CANCELLED if somebody cancelled it meanwhile. */
const UNDO = [
  {
    $set: {
      status: ifCancelled(nextJobStatus("ASSIGNED", "cancel"), nextJobStatus("ASSIGNED", "release")),
      finished_at: ifCancelled("$cancel_requested_at", "$$REMOVE"),
      queue: ifCancelled("$$REMOVE", QUEUE_EXPRESSION),
      ...Object.fromEntries(
        FIELDS_OF_OPEN_JOBS.map((field) => [field, ifCancelled("$$REMOVE", `$${field}`)]),
      ),
      attempt: { $subtract: ["$attempt", 1] },
      version: { $add: ["$version", 1] },
    },
  },
  { $unset: ["execution_id", "node_id", "assigned_at", "claim_expires_at", "run"] },
];

/**
 * Turns queued jobs into executions. A claim is two writes, which go to the store at the same time: one takes the job out
 * of its queue and gives it its run, if the job is still as it was read; the other creates the document of the execution.
 * Many servers want the same jobs, and each job goes to the server whose write comes first. The executions of claims that
 * are lost are deleted.
 *
 * `claim_expires_at` marks a job until its node has started it. If a server dies in the middle of a claim, or before it
 * knows whether the node has room (see `NodeRooms`), `releaseOrphans` looks at the claim when the mark expires, at any
 * server: a job without an execution goes back to its queue. A job with one stays, and its lease counts from then on. An
 * execution that no job names ends when somebody reads it as live (see `ExecutionCopies`).
 */
export class MongoClaims {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;

  constructor(
    store: MongoStore,
    private readonly recent: RecentJobs,
  ) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
  }

  /** What the claims of jobs that are still free will write. */
  async draft(claims: readonly Claim[]): Promise<ClaimDraft[]> {
    const known = await this.knownOf(claims.map((claim) => claim.jobId));
    return claims.flatMap((claim) => {
      const { job: queued, version = 0 } = known.get(claim.jobId) ?? {};
      if (!queued || !isClaimable(queued)) return [];
      if (queueOf(queued.businessId, queued.queueKey) !== claim.queue) return [];
      return [{ claim, queued, version, ...assignmentOf(claim.request, queued, claim) }];
    });
  }

  /** Claims the jobs that are still as they were read. Resolves with what was claimed, by claim. */
  async claim(drafts: readonly ClaimDraft[]): Promise<Map<Claim, Assigned>> {
    if (drafts.length === 0) return new Map();
    const writes = drafts.map(({ claim, queued, version, job, execution }) => {
      const { $set, $unset, $inc } = jobUpdateFrom(queued, job);
      Object.assign($set, {
        run: runFields({ execution, version: 1 }),
        claim_expires_at: expiryOf(claim.request),
      });
      const filter = { _id: job.jobId, queue: claim.queue, version };
      return { updateOne: { filter, update: { $set, $unset, $inc } } };
    });
    const [{ matchedCount }] = await settledTogether(
      this.jobs.bulkWrite(writes, { ordered: false }),
      this.executions.insertMany(
        drafts.map(({ execution }) => executionDocument(execution)),
        { ordered: false },
      ),
    );
    const won = matchedCount === drafts.length ? drafts : await this.wonOf(drafts);
    for (const { job, execution, version } of won) {
      this.recent.remember({ job, run: { execution, version: 1 }, version: version + 1 });
    }
    return new Map(won.map((draft) => [draft.claim, draft]));
  }

  /** Those of the claims that were first. What the others have written is removed. */
  private async wonOf(drafts: readonly ClaimDraft[]): Promise<ClaimDraft[]> {
    const ids = drafts.map(({ execution }) => execution.executionId);
    const named = { _id: { $in: drafts.map(({ job }) => job.jobId) }, execution_id: { $in: ids } };
    const won = new Set(await this.jobs.distinct("execution_id", named));
    await this.executions.deleteMany({ id: { $in: ids.filter((id) => !won.has(id)) } });
    return drafts.filter(({ job, execution }) => {
      const isWon = won.has(execution.executionId);
      if (!isWon) this.recent.forget(job.jobId);
      return isWon;
    });
  }

  /** Reads the jobs that this server does not know. */
  private async knownOf(jobIds: readonly string[]): Promise<Map<string, Pick<KnownJob, "job" | "version">>> {
    const known = new Map<string, Pick<KnownJob, "job" | "version">>();
    for (const jobId of jobIds) {
      const recent = this.recent.get(jobId);
      if (recent && isClaimable(recent.job)) known.set(jobId, recent);
    }
    const unknown = jobIds.filter((jobId) => !known.has(jobId));
    if (unknown.length === 0) return known;
    for (const document of await this.jobs.find({ _id: { $in: unknown } }).toArray()) {
      known.set(document.job_id, { job: jobFromDocument(document), version: document.version });
    }
    return known;
  }

  /** Undoes claims of nodes that turned out to have no room. What its node has started meanwhile stays. */
  async undo(claims: readonly Pick<Claim, "jobId" | "executionId">[]): Promise<void> {
    if (claims.length === 0) return;
    const ids = claims.map((claim) => claim.executionId);
    const jobIds = claims.map((claim) => claim.jobId);
    const marked = { claim_expires_at: { $gt: 0 }, status: "ASSIGNED" as const };
    await this.jobs.updateMany({ _id: { $in: jobIds }, execution_id: { $in: ids }, ...marked }, UNDO);
    const kept = new Set(await this.jobs.distinct("execution_id", { _id: { $in: jobIds } }));
    await this.executions.deleteMany({ id: { $in: ids.filter((id) => !kept.has(id)) } });
  }

  /**
   * Looks at claims whose node has not started the job when the claim expires. Resolves with the jobs that went back to
   * their queues, because their server died.
   */
  async releaseOrphans(nowMs: number): Promise<JobRecord[]> {
    const expired = { claim_expires_at: { $lte: nowMs } };
    const found = await this.jobs
      .find(expired, { projection: { job_id: 1, execution_id: 1 } })
      .limit(MAX_ORPHANS)
      .toArray();
    if (found.length === 0) return [];
    const created = new Set(
      await this.executions.distinct("id", { id: { $in: found.flatMap((job) => job.execution_id ?? []) } }),
    );
    const isComplete = ({ execution_id: id }: (typeof found)[0]) => id !== undefined && created.has(id);
    const complete = found.filter(isComplete).map((job) => job.job_id);
    if (complete.length > 0) {
      const mark = { $unset: { claim_expires_at: "" as const } };
      await this.jobs.updateMany({ _id: { $in: complete }, ...expired }, mark);
    }
    const orphans = found.filter((job) => !isComplete(job));
    if (orphans.length === 0) return [];
    const ids = orphans.map((job) => job.job_id);
    await this.jobs.updateMany({ _id: { $in: ids }, ...expired }, UNDO);
    const released = await this.jobs.find({ _id: { $in: ids }, status: { $ne: "ASSIGNED" } }).toArray();
    return released.map(jobFromDocument);
  }
}

export function expiryOf({ leaseExpiresAtMs, nowMs }: AssignRequest): number {
  return Math.min(leaseExpiresAtMs, nowMs + CLAIM_MS);
}

/** Waits for both writes, even if one of them fails, so that nothing is still on its way after a failure. */
export async function settledTogether<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
