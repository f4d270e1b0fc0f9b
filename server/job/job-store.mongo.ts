import type { ClientSession, Collection } from "mongodb";
import { isFinal } from "../../shared/job-state.ts";
import { finalJobStatus } from "../../shared/job-status.ts";
import { startTimeMs } from "../../shared/start-time.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import { Lookups } from "../store/lookups.mongo.ts";
import {
  ContentionError,
  duplicatesIn,
  isFasterElsewhere,
  type MongoStore,
  outlastOthers,
} from "../store/mongo.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import { isSameRequest } from "./fingerprint.ts";
import type { FreshJobs } from "./fresh-jobs.mongo.ts";
import { JobChanges } from "./job-changes.mongo.ts";
import {
  CLAIM_MS,
  groupKeyOf,
  type JobDocument,
  jobDocument,
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
import type { RecentJobs } from "./recent-jobs.mongo.ts";
import { RETRY_MAX_MS } from "./retry-decision.ts";

const INSERTS_PER_BATCH = 1_000;

export class MongoJobStore implements JobStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly changes: JobChanges;
  private readonly lists: MongoJobLists;
  private readonly byId: Lookups<JobDocument>;
  private readonly singleInserts = new Batches<NewJob, InsertOutcome>((batch) => this.insertSingles(batch), {
    maxItems: INSERTS_PER_BATCH,
    maxInFlight: 2,
  });

  private readonly limited: LimitedInserts;

  constructor(
    private readonly store: MongoStore,
    private readonly recent: RecentJobs,
    private readonly fresh: Pick<FreshJobs, "add">,
  ) {
    this.jobs = store.collection("compute_jobs");
    this.changes = new JobChanges(store, recent);
    this.lists = new MongoJobLists(store);
    this.byId = new Lookups(store, {
      collection: this.jobs,
      filterOf: (ids) => ({ job_id: { $in: [...ids] } }),
      keyOf: (job) => job.job_id,
    });
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
    if (first && jobs.length === 1) return [await this.singleInserts.add(first)];
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
      return [{ updateOne: { filter: { job_id, not_before }, update } }];
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
      const found = await this.jobs.find({ job_id: { $in: [...jobIds] } }, { projection }).toArray();
      return new Map(
        found.map(({ job_id, array_id, status, finished_at }) => [
          job_id,
          { arrayId: array_id, endedAtMs: isFinal(status) ? finished_at : undefined },
        ]),
      );
    });
  }

  /** Inserts independent jobs: all are written together, and those whose key is taken are looked up. */
  private insertSingles(batch: readonly Waiting<NewJob, InsertOutcome>[]): Promise<void> {
    let open = batch;
    const insertOpen = async () => {
      const taken = await this.writeUnordered(open.map(({ item }) => documentOf(item)));
      for (const [index, { item, resolve }] of open.entries()) {
        if (taken.has(index)) continue;
        this.recent.remember({ job: item.job, run: undefined, version: 1 });
        this.fresh.add(item.job);
        resolve({ kind: "created", job: item.job });
      }
      open = await this.answerTaken(open.filter((_, index) => taken.has(index)));
      if (open.length > 0) throw new ContentionError("An idempotency key is not decided yet.");
    };
    return this.store.attempt(() => outlastOthers(insertOpen));
  }

  /** Answers inserts whose key is taken. Resolves with those whose key belongs to a job that no majority has yet. */
  private async answerTaken(taken: readonly Waiting<NewJob, InsertOutcome>[]) {
    const earlier = await this.readByKeys(taken.map(({ item }) => item));
    return taken.filter(({ item, resolve }) => {
      const outcome = earlierOutcome(item, earlier);
      if (outcome) resolve(outcome);
      return !outcome;
    });
  }

  /** Resolves with the positions of the documents whose id or key was taken. */
  private async writeUnordered(documents: JobDocument[]): Promise<Set<number>> {
    try {
      await this.jobs.insertMany(documents, { ordered: false });
      return new Set();
    } catch (error) {
      const places = duplicatesIn(error);
      if (!places) throw error;
      return new Set(places);
    }
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
    const known = await this.readByKeys(jobs, session);
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
    const fresh = jobs.filter((_, i) => outcomes[i]?.kind === "created").map(documentOf);
    if (fresh.length > 0) await this.jobs.insertMany(fresh, { session });
  }

  private async readByKeys(
    jobs: readonly NewJob[],
    session?: ClientSession,
  ): Promise<Map<string, JobDocument>> {
    const wanted = jobs.filter(({ idempotency }) => idempotency !== undefined);
    const found = new Map<string, JobDocument>();
    for (const some of Map.groupBy(wanted, ({ job }) => placeOf(job, "")).values()) {
      const [first] = some;
      if (!first) continue;
      const { businessId: business_id, userId: user_id } = first.job;
      const keys = some.flatMap(({ idempotency }) => idempotency?.key ?? []);
      const documents = this.jobs.find({ business_id, user_id, idempotency_key: { $in: keys } }, { session });
      for await (const document of documents) {
        const by = { businessId: document.business_id, userId: document.user_id };
        found.set(placeOf(by, document.idempotency_key ?? ""), document);
      }
    }
    return found;
  }
}

function documentOf({ job, idempotency }: NewJob): JobDocument {
  return {
    ...jobDocument(job),
    idempotency_key: idempotency?.key,
    idempotency_hash: idempotency?.bodyHash,
  };
}

function placeOf({ businessId, userId }: Pick<JobRecord, "businessId" | "userId">, key: string): string {
  return `${businessId}/${userId}/${key}`;
}

function earlierOutcome(
  { job, idempotency }: NewJob,
  known: ReadonlyMap<string, JobDocument>,
): InsertOutcome | undefined {
  const earlier = idempotency && known.get(placeOf(job, idempotency.key));
  if (!earlier) return undefined;
  const { idempotency_hash: bodyHash = "", manifest } = earlier;
  const wanted = { bodyHash: idempotency.bodyHash, manifest: job.manifest };
  if (!isSameRequest({ bodyHash, manifest }, wanted)) return { kind: "key-reused" };
  return { kind: "existing", job: jobFromDocument(earlier) };
}
