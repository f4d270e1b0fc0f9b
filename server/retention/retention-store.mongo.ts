import type { ClientSession, Collection, Filter } from "mongodb";
import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import { firstIdAt } from "../../shared/ids.ts";
import { isFinal } from "../../shared/job-state.ts";
import { finalJobStatus } from "../../shared/job-status.ts";
import { comingAfter } from "../job/flow-store.mongo.ts";
import type { ExecutionDocument, JobDocument } from "../job/job-documents.mongo.ts";
import type { LogDocument } from "../log/log-documents.mongo.ts";
import type { RemovedLog } from "../log/log-store.ts";
import { type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { putJobsInTrash } from "../trash/trash-store.mongo.ts";
import type { IntoTrash, TrashRecord } from "../trash/trash-store.ts";
import type { RunDocument } from "../workflow/run-store.mongo.ts";
import type { EndedJob, EndedJobsQuery, RetentionStore, StoreUsage } from "./retention-store.ts";

/** One document for each log that was removed or is being removed. */
interface RemovalDocument {
  /** The job's id. */
  _id: string;
  business_id: string;
  up_to_attempt: number;
  job_deleted: boolean;
  /** Present only while documents of the log are left. */
  pending?: true;
  lines: number;
  removed_at: number;
}

export const retentionSteps = [
  collectionStep("retention-1", "compute_log_removals", [
    { key: { pending: 1, _id: 1 }, partialFilterExpression: { pending: { $exists: true } } },
  ]),
];

const LOG_DOCUMENTS_PER_STEP = 64;
const MAX_STEPS = 64;
/** How many ended jobs are read at a time to find those with a log. */
const PAGE = 500;
const USAGE_MS = 60_000;

export class MongoRetentionStore implements RetentionStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly series: Collection<{ job_id: string }>;
  private readonly logs: Collection<LogDocument>;
  private readonly removals: Collection<RemovalDocument>;
  private readonly runs: Collection<RunDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.series = store.collection("compute_execution_series");
    this.logs = store.collection("compute_job_logs");
    this.removals = store.collection("compute_log_removals");
    this.runs = store.collection("compute_workflow_runs");
  }

  async deleteJobs(
    businessId: string,
    jobIds: readonly string[],
    nowMs: number,
    into?: IntoTrash,
  ): Promise<JobDeletion[]> {
    const deletions: JobDeletion[] = [];
    for (const jobId of jobIds) {
      deletions.push(
        await this.store.attempt(() =>
          outlastOthers(() =>
            this.store.transaction((session) => this.deleteOne(businessId, jobId, nowMs, session, into)),
          ),
        ),
      );
    }
    return deletions;
  }

  async deleteTrashedJobs({ businessId, trashId, items }: TrashRecord, nowMs: number): Promise<void> {
    for (const jobId of items) {
      const body = () =>
        this.store.transaction(async (session) => {
          const where = { business_id: trashId, $or: [{ _id: jobId }, { array_id: jobId }] };
          const going = await this.jobs.find(where, { session }).toArray();
          // The log still belongs to the business.
          const ofBusiness = going.map((job) => ({ ...job, business_id: businessId }));
          await this.deleteAll(ofBusiness, nowMs, session);
        });
      await this.store.attempt(() => outlastOthers(body));
    }
  }

  endedJobs({ endedBeforeMs, afterJobId = "", limit }: EndedJobsQuery): Promise<EndedJob[]> {
    return this.store.attempt(async () => {
      const found = await this.jobs
        .find(endedBefore(endedBeforeMs, afterJobId))
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(endedJob);
    });
  }

  async endedLogs(query: EndedJobsQuery): Promise<EndedJob[]> {
    const found: EndedJob[] = [];
    let afterJobId = query.afterJobId;
    for (;;) {
      const page = await this.endedJobs({ ...query, afterJobId, limit: PAGE });
      const logged = await this.store.attempt(() =>
        Promise.all(page.map(({ businessId, jobId }) => this.hasLog(businessId, jobId))),
      );
      found.push(...page.filter((_, i) => logged[i]));
      afterJobId = page.at(-1)?.jobId;
      if (page.length < PAGE || found.length >= query.limit) return found.slice(0, query.limit);
    }
  }

  async removeLogs(jobs: readonly EndedJob[], nowMs: number): Promise<void> {
    for (const { jobId, businessId } of jobs) {
      await this.store.attempt(() =>
        outlastOthers(() =>
          this.store.transaction(async (session) => {
            const job = await this.jobs.findOne({ _id: jobId, business_id: businessId }, { session });
            if (job && isFinal(job.status)) await this.queueRemoval(job, nowMs, false, session);
          }),
        ),
      );
    }
  }

  removedLog(businessId: string, jobId: string): Promise<RemovedLog | undefined> {
    return this.store.attempt(async () => {
      const found = await this.removals.findOne({ _id: jobId, business_id: businessId, job_deleted: false });
      return found ? { atMs: found.removed_at, lines: found.lines } : undefined;
    });
  }

  async finishRemovals(): Promise<boolean> {
    for (let step = 0; step < MAX_STEPS; step++) {
      if (!(await this.store.attempt(() => this.removeSome()))) return false;
    }
    return true;
  }

  usedBytes(): Promise<number> {
    return this.store.attempt(async () => {
      const { dataSize, indexSize } = await this.store.db.command({ dbStats: 1 });
      return dataSize + indexSize;
    });
  }

  async usage(): Promise<StoreUsage> {
    const usedBytes = await this.usedBytes();
    return this.store.attempt(async () => {
      const stats = await this.store.db.command({ dbStats: 1, freeStorage: 1 });
      const [logs] = await this.logs.aggregate([{ $collStats: { storageStats: {} } }]).toArray();
      return {
        jobs: await this.jobs.estimatedDocumentCount(),
        executions: await this.executions.estimatedDocumentCount(),
        logBytes: logs?.storageStats?.size ?? 0,
        usedBytes,
        freeBytes: stats.totalFreeStorageSize ?? 0,
      };
    }, USAGE_MS);
  }

  private async deleteOne(
    businessId: string,
    jobId: string,
    nowMs: number,
    session: ClientSession,
    into: IntoTrash | undefined,
  ): Promise<JobDeletion> {
    const job = await this.jobs.findOne({ _id: jobId, business_id: businessId }, { session });
    if (!job) return "not-found";
    if (job.array_id !== undefined) return "in-array";
    const members = await this.jobs.find({ array_id: jobId }, { session }).toArray();
    const going = [job, ...members];
    if (going.some(({ status }) => !isFinal(status))) return "open";
    const ids = going.map((one) => one.job_id);
    const open = { ...comingAfter(ids), status: { $nin: [...finalJobStatus.options] } };
    if (await this.jobs.findOne(open, { session })) return "needed";
    if (into)
      await putJobsInTrash(
        this.store,
        session,
        businessId,
        [jobId, ...members.map((one) => one.job_id)],
        into,
      );
    else await this.deleteAll(going, nowMs, session);
    return "deleted";
  }

  private async deleteAll(
    going: readonly JobDocument[],
    nowMs: number,
    session: ClientSession,
  ): Promise<void> {
    const ids = going.map((one) => one.job_id);
    for (const one of going) await this.queueRemoval(one, nowMs, true, session);
    await this.executions.deleteMany({ job_id: { $in: ids } }, { session });
    await this.runs.deleteMany({ job_id: { $in: ids } }, { session });
    await this.series.deleteMany({ job_id: { $in: ids } }, { session });
    await this.jobs.deleteMany({ _id: { $in: ids } }, { session });
  }

  private async queueRemoval(
    job: JobDocument,
    nowMs: number,
    jobDeleted: boolean,
    session: ClientSession,
  ): Promise<void> {
    const { job_id, business_id, attempt } = job;
    const attempts = await this.logs
      .aggregate<{ last: number }>(
        [{ $match: { business_id, job_id } }, { $group: { _id: "$attempt", last: { $max: "$last_seq" } } }],
        { session },
      )
      .toArray();
    const lines = attempts.reduce((sum, { last }) => sum + last, 0);
    if (lines === 0) {
      if (jobDeleted) await this.removals.deleteOne({ _id: job_id }, { session });
      return;
    }
    const isPending = { $eq: ["$pending", true] };
    const earlier = { $ifNull: ["$lines", 0] };
    await this.removals.updateOne(
      { _id: job_id },
      [
        {
          $set: {
            business_id,
            up_to_attempt: attempt,
            job_deleted: jobDeleted,
            removed_at: nowMs,
            lines: { $cond: [isPending, { $max: [earlier, lines] }, { $add: [earlier, lines] }] },
          },
        },
        { $set: { pending: true } },
      ],
      { upsert: true, session },
    );
  }

  /** Does one step. Resolves with whether there was anything to do. */
  private async removeSome(): Promise<boolean> {
    const removal = await this.removals.find({ pending: true }).sort({ _id: 1 }).limit(1).next();
    if (!removal) return false;
    const { _id, business_id, up_to_attempt, job_deleted } = removal;
    const some = await this.logs
      .find({ business_id, job_id: _id, attempt: { $lte: up_to_attempt } }, { projection: { _id: 1 } })
      .sort({ last_place: 1 })
      .limit(LOG_DOCUMENTS_PER_STEP)
      .toArray();
    if (some.length > 0) await this.logs.deleteMany({ _id: { $in: some.map((one) => one._id) } });
    if (some.length === LOG_DOCUMENTS_PER_STEP) return true;
    // Only if unchanged: the log of a later attempt may have been queued meanwhile.
    const unchanged = { _id, up_to_attempt, job_deleted };
    if (job_deleted) await this.removals.deleteOne(unchanged);
    else await this.removals.updateOne(unchanged, { $unset: { pending: true } });
    return true;
  }

  private async hasLog(businessId: string, jobId: string): Promise<boolean> {
    const found = await this.logs.findOne(
      { business_id: businessId, job_id: jobId },
      { projection: { _id: 1 } },
    );
    return found !== null;
  }
}

function endedBefore(endedBeforeMs: number, afterJobId: string): Filter<JobDocument> {
  return {
    _id: { $gt: afterJobId, $lt: firstIdAt("job", endedBeforeMs) },
    status: { $in: finalJobStatus.options },
    finished_at: { $lt: endedBeforeMs },
  };
}

function endedJob({ job_id, business_id, array_id, attempt }: JobDocument): EndedJob {
  return { jobId: job_id, businessId: business_id, inArray: array_id !== undefined, attempt };
}
