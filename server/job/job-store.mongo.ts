import type { ClientSession, Collection } from "mongodb";
import { isFinal } from "../../shared/job-state.ts";
import { finalJobStatus } from "../../shared/job-status.ts";
import { startTimeMs } from "../../shared/start-time.ts";
import { Lookups } from "../store/lookups.mongo.ts";
import { isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import { JobChanges } from "./job-changes.mongo.ts";
import {
  CLAIM_MS,
  groupKeyOf,
  type JobDocument,
  jobFromDocument,
  QUEUE_EXPRESSION,
} from "./job-documents.mongo.ts";
import { jobFilterOf, listOrder } from "./job-filter.mongo.ts";
import { MongoJobLists } from "./job-lists.mongo.ts";
import type { JobRecord } from "./job-record.ts";
import { isTooLate, PUT_BACK_MAX_MS } from "./job-rules.ts";
import { BYTES_AT_ONCE, BYTES_PER_REQUEST, firstOf, type JobSlice } from "./job-slices.ts";
import {
  allOrNone,
  type ChangeRequest,
  type ExpiringJobs,
  type InsertOutcome,
  type JobEnd,
  type JobListQuery,
  type JobStore,
  type LimitedKey,
  MAX_EXPIRING,
  type MatchingChanges,
  type NewJob,
  type Promoted,
} from "./job-store.ts";
import { LimitedInserts } from "./limited-inserts.mongo.ts";
import type { Placer } from "./placement.mongo.ts";
import type { RecentJobs } from "./recent-jobs.mongo.ts";
import { RETRY_MAX_MS } from "./retry-decision.ts";
import { SingleInserts } from "./single-inserts.mongo.ts";
import { documentOf, earlierOutcome, placeOf, UsedKeys } from "./used-keys.mongo.ts";

export class MongoJobStore implements JobStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly changes: JobChanges;
  private readonly lists: MongoJobLists;
  private readonly byId: Lookups<JobDocument>;
  private readonly keys: UsedKeys;
  private readonly singles: SingleInserts;
  private readonly limited: LimitedInserts;

  constructor(
    private readonly store: MongoStore,
    private readonly recent: RecentJobs,
    placer?: Placer,
  ) {
    this.jobs = store.collection("compute_jobs");
    this.changes = new JobChanges(store, recent);
    this.lists = new MongoJobLists(store);
    this.byId = new Lookups(store, {
      collection: this.jobs,
      filterOf: (ids) => ({ _id: { $in: [...ids] } }),
      keyOf: (job) => job.job_id,
    });
    this.keys = new UsedKeys(this.jobs);
    this.singles = new SingleInserts(store, { jobs: this.jobs, recent, keys: this.keys, placer });
    this.limited = new LimitedInserts(store, {
      decide: (session, jobs) => this.outcomesIn(session, jobs),
      write: (session, jobs, outcomes) => this.insertCreated(session, jobs, outcomes),
    });
  }

  insertWithin(jobs: readonly NewJob[], key: LimitedKey, nowMs: number) {
    return this.limited.add({ jobs, key, nowMs });
  }

  hold(key: LimitedKey, jobs: number, nowMs: number) {
    return this.limited.hold(key, jobs, nowMs);
  }

  release(apiKeyId: string, holdId: string) {
    return this.limited.release(apiKeyId, holdId);
  }

  async insert(jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
    const [first] = jobs;
    if (first && jobs.length === 1) return [await this.singles.add(first)];
    return this.store.attempt(() => this.insertTogether(jobs));
  }

  isKeyUsed(by: Pick<JobRecord, "businessId" | "userId">, key: string): Promise<boolean> {
    return this.store.attempt(async () => {
      const where = { business_id: by.businessId, user_id: by.userId, idempotency_key: key };
      return (await this.jobs.findOne(where, { projection: { _id: 1 } })) !== null;
    });
  }

  async find(businessId: string, jobId: string): Promise<JobRecord | undefined> {
    const found = await this.byId.find(jobId);
    return found?.business_id === businessId ? jobFromDocument(found) : undefined;
  }

  async list(query: JobListQuery): Promise<JobRecord[]> {
    return this.store.attempt(async () => {
      const found = this.jobs.find(jobFilterOf(query)).sort(listOrder(query)).limit(query.limit);
      return (await found.toArray()).map(jobFromDocument);
    });
  }

  count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    return this.lists.count(query);
  }

  listSome(query: JobListQuery, maxBytes: number): Promise<JobSlice> {
    return this.lists.some(query, maxBytes);
  }

  change<Result>(
    requests: readonly ChangeRequest<Result>[],
    options?: { unrelated: boolean },
  ): Promise<Result[]> {
    const changes = options?.unrelated ? this.changes.changeEach(requests) : this.changes.change(requests);
    return changes as Promise<Result[]>;
  }

  async changeMatching<Result>(
    query: JobListQuery,
    decide: ChangeRequest<Result>["decide"],
  ): Promise<MatchingChanges<Result>> {
    const { businessId, limit } = query;
    const sizes = await this.store.attempt(() => this.lists.sizes(query));
    const results: Result[] = [];
    let bytes = 0;
    while (results.length < sizes.length && bytes < BYTES_PER_REQUEST) {
      const piece = firstOf(sizes.slice(results.length), BYTES_AT_ONCE);
      const requests = piece.ids.map((jobId) => ({ key: { businessId, jobId }, decide }));
      results.push(...((await this.changes.changeEach(requests)) as Result[]));
      bytes += piece.bytes;
    }
    const isOver = results.length === sizes.length && sizes.length < limit;
    return { results, nextBeforeJobId: isOver ? undefined : sizes[results.length - 1]?.job_id };
  }

  expiring(nowMs: number): Promise<ExpiringJobs> {
    return this.store.attempt(async () => {
      const projection = { _id: 0, job_id: 1, business_id: 1, queue_deadline: 1 };
      const waiting = { status: "QUEUED" as const };
      const due = await this.jobs
        .find({ ...waiting, queue_deadline: { $lte: nowMs } }, { projection })
        .limit(MAX_EXPIRING)
        .toArray();
      const next = await this.jobs
        .find({ ...waiting, queue_deadline: { $gt: nowMs } }, { projection })
        .sort({ queue_deadline: 1 })
        .limit(1)
        .next();
      return {
        due: due.map((job) => ({ jobId: job.job_id, businessId: job.business_id })),
        nextDueAtMs: next?.queue_deadline,
      };
    });
  }

  promoteDue(nowMs: number): Promise<Promoted> {
    return this.store.attempt(async () => {
      const due = { not_before: { $lte: nowMs } };
      const businessIds: string[] = await this.jobs.distinct("business_id", due);
      let groups: (string | undefined)[] = [];
      if (businessIds.length > 0) {
        groups = await this.jobs.distinct("open_group", { ...due, hold: "group" });
        await this.jobs.updateMany(due, [
          { $set: { queue: QUEUE_EXPRESSION, version: { $add: ["$version", 1] } } },
          { $unset: "not_before" },
        ]);
      }
      const next = await this.jobs
        .find({ not_before: { $gt: nowMs } }, { projection: { not_before: 1 } })
        .sort({ not_before: 1 })
        .limit(1)
        .next();
      const known = groups.filter((group) => group !== undefined);
      return { businessIds, groups: known.map(groupKeyOf), nextDueAtMs: next?.not_before };
    });
  }

  bringBack(nowMs: number): Promise<number> {
    const latestMs = nowMs + CLOCK_SKEW_MS;
    const failed = { $or: [{ retry_count: { $gt: 0 } }, { lost_count: { $gt: 0 } }] };
    const tooLong = [
      { ...failed, not_before: { $gt: latestMs + RETRY_MAX_MS } },
      { not_before: { $gt: latestMs + PUT_BACK_MAX_MS } },
    ];
    const ttlMs = { $multiply: ["$manifest.queueTtlSeconds", 1_000] };
    const lastMs = { $add: [{ $max: [nowMs, { $ifNull: ["$not_before", 0] }] }, ttlMs] };
    return this.store.attempt(async () => {
      const waiting = await this.jobs.updateMany(
        { not_before: { $gt: latestMs }, attempt: { $gt: 0 }, $or: tooLong },
        { $set: { not_before: nowMs }, $inc: { version: 1 } },
      );
      const early = await this.bringBackRelative(nowMs);
      const expiring = await this.jobs.updateMany(
        {
          status: "QUEUED",
          queue_deadline: { $gt: latestMs },
          $expr: { $gt: ["$queue_deadline", { $add: [lastMs, CLOCK_SKEW_MS] }] },
        },
        [{ $set: { queue_deadline: { $ceil: lastMs }, version: { $add: ["$version", 1] } } }],
      );
      // Claims that a server left behind when it died.
      const claims = await this.jobs.updateMany(
        { claim_expires_at: { $gt: latestMs + CLAIM_MS } },
        { $set: { claim_expires_at: nowMs } },
      );
      return waiting.modifiedCount + early + expiring.modifiedCount + claims.modifiedCount;
    });
  }

  /** The same for jobs that asked for a relative start time. */
  private async bringBackRelative(nowMs: number): Promise<number> {
    const found = await this.jobs
      .find(
        {
          not_before: { $gt: nowMs + CLOCK_SKEW_MS },
          attempt: 0,
          "manifest.notBefore": { $gte: "+", $lt: "," },
        },
        { projection: { _id: 0, job_id: 1, not_before: 1, "manifest.notBefore": 1 } },
      )
      .toArray();
    const writes = found.flatMap(({ job_id, not_before = 0, manifest: { notBefore = "" } }) => {
      if (!isTooLate(not_before, notBefore, nowMs)) return [];
      const update = { $set: { not_before: startTimeMs(notBefore, nowMs) }, $inc: { version: 1 } };
      return [{ updateOne: { filter: { _id: job_id, not_before }, update } }];
    });
    return writes.length > 0 ? (await this.jobs.bulkWrite(writes)).modifiedCount : 0;
  }

  artifactsInUse(ids: readonly string[], endedAfterMs: number): Promise<string[]> {
    const wanted = new Set(ids);
    return this.store.attempt(async () => {
      const used = await this.jobs.distinct("input_ids", {
        input_ids: { $in: [...wanted] },
        $or: [{ status: { $nin: finalJobStatus.options } }, { finished_at: { $gt: endedAfterMs } }],
      });
      return used.filter((id): id is string => id !== undefined && wanted.has(id));
    });
  }

  endsOf(jobIds: readonly string[]): Promise<Map<string, JobEnd>> {
    const projection = { _id: 0, job_id: 1, array_id: 1, status: 1, finished_at: 1 };
    return this.store.attempt(async () => {
      const found = await this.jobs.find({ _id: { $in: [...jobIds] } }, { projection }).toArray();
      return new Map(
        found.map(({ job_id, array_id, status, finished_at }) => [
          job_id,
          { arrayId: array_id, endedAtMs: isFinal(status) ? finished_at : undefined },
        ]),
      );
    });
  }

  /** Inserts all jobs or none. */
  private async insertTogether(jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
    const outcomes = await outlastOthers(
      () =>
        this.store.transaction(async (session) => {
          const outcomes = await this.outcomesIn(session, jobs);
          await this.insertCreated(session, jobs, outcomes);
          return outcomes;
        }),
      isFasterElsewhere,
    );
    for (const outcome of outcomes) {
      if (outcome.kind === "created") this.recent.remember({ job: outcome.job, run: undefined, version: 1 });
    }
    return outcomes;
  }

  private async outcomesIn(session: ClientSession, jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
    const known = await this.keys.read(jobs, session);
    const outcomes = jobs.map((job): InsertOutcome => {
      const outcome = earlierOutcome(job, known);
      if (outcome) return outcome;
      if (job.idempotency) known.set(placeOf(job.job, job.idempotency.key), documentOf(job));
      return { kind: "created", job: job.job };
    });
    return allOrNone(outcomes, jobs);
  }

  private async insertCreated(
    session: ClientSession,
    jobs: readonly NewJob[],
    outcomes: readonly InsertOutcome[],
  ): Promise<void> {
    const fresh = jobs.filter((_, i) => outcomes[i]?.kind === "created");
    if (fresh.length === 0) return;
    await this.jobs.insertMany(fresh.map(documentOf), { session });
    const behind = new Set(fresh.flatMap(({ idempotency }) => idempotency?.behind ?? []));
    const first = outcomes.flatMap((outcome, i) =>
      outcome.kind === "existing" && behind.has(jobs[i]?.idempotency?.key ?? "") ? outcome.job.jobId : [],
    );
    // Their keys alone are unique. So of two calls that both add what was deleted behind them, one has to begin again.
    if (first.length > 0)
      await this.jobs.updateMany({ _id: { $in: first } }, { $inc: { version: 1 } }, { session });
  }
}
