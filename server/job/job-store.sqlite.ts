import { startTimeMs } from "../../shared/start-time.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import { Drafts } from "./drafts.sqlite.ts";
import { isSameRequest } from "./fingerprint.ts";
import type { GroupKey } from "./flow-store.ts";
import { idOrder } from "./job-filter.sqlite.ts";
import { insertLinks } from "./job-links.sqlite.ts";
import { JobLists } from "./job-lists.sqlite.ts";
import type { JobRecord } from "./job-record.ts";
import { type JobRow, jobFromRow, OPEN, readJob } from "./job-rows.sqlite.ts";
import { isTooLate, PUT_BACK_MAX_MS } from "./job-rules.ts";
import { BYTES_AT_ONCE, BYTES_PER_REQUEST, CHANGED_AT_ONCE, type JobSlice } from "./job-slices.ts";
import {
  allOrNone,
  type ChangeRequest,
  countOf,
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
  type WithinLimits,
} from "./job-store.ts";
import { SqliteKeyUsage } from "./key-usage.sqlite.ts";
import { RETRY_MAX_MS } from "./retry-decision.ts";

const HAS_KEY = "business_id = $businessId AND user_id = $userId AND idempotency_key = $key";

export class SqliteJobStore implements JobStore {
  private readonly lists: JobLists;
  private readonly usage: SqliteKeyUsage;
  private tellClaimable: (businessId: string) => void = () => {};

  constructor(private readonly store: SqliteStore) {
    this.lists = new JobLists(store);
    this.usage = new SqliteKeyUsage(store);
  }

  onClaimable(tell: (businessId: string) => void): void {
    this.tellClaimable = tell;
  }

  insert(jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
    const insert = () => {
      const outcomes = this.outcomesOf(jobs);
      this.insertCreated(jobs, outcomes);
      return outcomes;
    };
    return this.store.write(insert, () => this.announce(jobs));
  }

  insertWithin(
    jobs: readonly NewJob[],
    key: LimitedKey,
    nowMs: number,
  ): Promise<WithinLimits<InsertOutcome[]>> {
    const insert = (): WithinLimits<InsertOutcome[]> => {
      const outcomes = this.outcomesOf(jobs);
      const taken = this.usage.take(key, countOf(jobs, outcomes), nowMs);
      if (taken.kind === "refused") return taken;
      this.insertCreated(jobs, outcomes);
      return { ...taken, result: outcomes };
    };
    return this.store.write(insert, () => this.announce(jobs));
  }

  hold(key: LimitedKey, jobs: number, nowMs: number): Promise<WithinLimits<string>> {
    const holdId = crypto.randomUUID();
    return this.store.write((): WithinLimits<string> => {
      const taken = this.usage.take(key, jobs, nowMs, holdId);
      return taken.kind === "refused" ? taken : { ...taken, result: holdId };
    });
  }

  release(apiKeyId: string, holdId: string): Promise<void> {
    return this.store.write(() => this.usage.release(apiKeyId, holdId));
  }

  async isKeyUsed({ businessId, userId }: Pick<JobRecord, "businessId" | "userId">, key: string) {
    return (
      this.store.get(`SELECT 1 AS one FROM compute_jobs WHERE ${HAS_KEY}`, { businessId, userId, key }) !==
      undefined
    );
  }

  async find(businessId: string, jobId: string): Promise<JobRecord | undefined> {
    return readJob(this.store, businessId, jobId);
  }

  async list(query: JobListQuery): Promise<JobRecord[]> {
    return (await this.lists.some(query, Number.POSITIVE_INFINITY)).jobs;
  }

  count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    return this.lists.count(query);
  }

  listSome(query: JobListQuery, maxBytes: number): Promise<JobSlice> {
    return this.lists.some(query, maxBytes);
  }

  change<Result>(requests: readonly ChangeRequest<Result>[]): Promise<Result[]> {
    return this.store.write(() => {
      const drafts = new Drafts(this.store);
      const results = requests.map((request) => drafts.decide(request));
      drafts.write();
      return results;
    });
  }

  /** Changes a few jobs at a time, because nothing else is served while this store writes. */
  async changeMatching<Result>(
    query: JobListQuery,
    decide: ChangeRequest<Result>["decide"],
  ): Promise<MatchingChanges<Result>> {
    const onward = idOrder(query) === "DESC" ? "beforeJobId" : "oldestBehind";
    const results: Result[] = [];
    let rest = query;
    let bytes = 0;
    for (;;) {
      const limit = Math.min(CHANGED_AT_ONCE, query.limit - results.length);
      const piece = await this.changePiece({ ...rest, limit }, decide);
      results.push(...piece.results);
      bytes += piece.bytes;
      const { nextBeforeJobId } = piece;
      const isFull = results.length >= query.limit || bytes >= BYTES_PER_REQUEST;
      if (nextBeforeJobId === undefined || isFull) return { results, nextBeforeJobId };
      rest = { ...rest, [onward]: nextBeforeJobId };
    }
  }

  private changePiece<Result>(
    query: JobListQuery,
    decide: ChangeRequest<Result>["decide"],
  ): Promise<MatchingChanges<Result> & { bytes: number }> {
    const { businessId, limit } = query;
    return this.store.write(() => {
      const ids = this.lists.ids(query);
      const drafts = new Drafts(this.store);
      const results: Result[] = [];
      let bytes = 0;
      for (const jobId of ids) {
        if (bytes >= BYTES_AT_ONCE) break;
        const sized: typeof decide = (state, others) => {
          bytes += state ? JSON.stringify(state.job.manifest).length : 0;
          return decide(state, others);
        };
        results.push(drafts.decide({ key: { businessId, jobId }, decide: sized }));
      }
      drafts.write();
      const isOver = results.length === ids.length && ids.length < limit;
      return { results, bytes, nextBeforeJobId: isOver ? undefined : ids[results.length - 1] };
    });
  }

  promoteDue(nowMs: number): Promise<Promoted> {
    return this.store.write(() => {
      const due = this.store.all<{ business_id: string; waits_in: string | null }>(
        `UPDATE compute_jobs SET not_before = NULL WHERE not_before <= $now
         RETURNING business_id, CASE hold WHEN 'group' THEN concurrency_group END AS waits_in`,
        { now: nowMs },
      );
      const groups = new Map<string, GroupKey>();
      for (const { business_id: businessId, waits_in: group } of due) {
        if (group !== null) groups.set(`${businessId}/${group}`, { businessId, group });
      }
      const next = this.store.get<{ at: number | null }>(
        "SELECT min(not_before) AS at FROM compute_jobs WHERE not_before IS NOT NULL",
      );
      return {
        businessIds: [...new Set(due.map((row) => row.business_id))],
        groups: [...groups.values()],
        nextDueAtMs: next?.at ?? undefined,
      };
    });
  }

  async expiring(nowMs: number): Promise<ExpiringJobs> {
    const due = this.store.all<{ job_id: string; business_id: string }>(
      `SELECT job_id, business_id FROM compute_jobs
       WHERE status = 'QUEUED' AND queue_deadline IS NOT NULL AND queue_deadline <= $now LIMIT ${MAX_EXPIRING}`,
      { now: nowMs },
    );
    const next = this.store.get<{ at: number | null }>(
      `SELECT min(queue_deadline) AS at FROM compute_jobs
       WHERE status = 'QUEUED' AND queue_deadline IS NOT NULL AND queue_deadline > $now`,
      { now: nowMs },
    );
    return {
      due: due.map((row) => ({ jobId: row.job_id, businessId: row.business_id })),
      nextDueAtMs: next?.at ?? undefined,
    };
  }

  bringBack(nowMs: number): Promise<number> {
    return this.store.write(() => {
      const times = { now: nowMs, skew: CLOCK_SKEW_MS };
      const waiting = this.store.run(
        `UPDATE compute_jobs SET not_before = $now WHERE not_before > $now AND attempt > 0 AND not_before > $now + $skew +
           CASE WHEN retry_count + lost_count > 0 THEN $retryMax ELSE $putBackMax END`,
        { ...times, retryMax: RETRY_MAX_MS, putBackMax: PUT_BACK_MAX_MS },
      );
      const relative = this.store.all<{ job_id: string; not_before: number; asked: string }>(
        `SELECT job_id, not_before, json_extract(manifest, '$.notBefore') AS asked FROM compute_jobs
         WHERE not_before > $now + $skew AND attempt = 0 AND json_extract(manifest, '$.notBefore') LIKE '+%'`,
        times,
      );
      const early = relative.filter(({ not_before, asked }) => isTooLate(not_before, asked, nowMs));
      for (const { job_id: jobId, asked } of early) {
        const at = startTimeMs(asked, nowMs);
        this.store.run("UPDATE compute_jobs SET not_before = $at WHERE job_id = $jobId", { jobId, at });
      }
      const latest = `max($now, coalesce(not_before, 0)) + 1000 * json_extract(manifest, '$.queueTtlSeconds')`;
      const expiring = this.store.run(
        `UPDATE compute_jobs SET queue_deadline = CAST(${latest} AS INTEGER)
         WHERE status = 'QUEUED' AND queue_deadline > $now + $skew AND queue_deadline > ${latest} + $skew`,
        times,
      );
      return waiting + early.length + expiring;
    });
  }

  async artifactsInUse(ids: readonly string[], endedAfterMs: number): Promise<string[]> {
    const rows = this.store.all<{ id: string }>(
      `SELECT value AS id FROM json_each($ids) WHERE EXISTS (
         SELECT 1 FROM compute_job_inputs i JOIN compute_jobs j ON j.job_id = i.job_id
         WHERE i.input_id = value AND (${OPEN} OR j.finished_at > $endedAfterMs))`,
      { ids: JSON.stringify(ids), endedAfterMs },
    );
    return rows.map((row) => row.id);
  }

  async endsOf(jobIds: readonly string[]): Promise<Map<string, JobEnd>> {
    const rows = this.store.all<{ id: string; array_id: string | null; ended_at: number | null }>(
      `SELECT job_id AS id, array_id, CASE WHEN NOT (${OPEN}) THEN finished_at END AS ended_at
       FROM compute_jobs WHERE job_id IN (SELECT value FROM json_each($ids))`,
      { ids: JSON.stringify(jobIds) },
    );
    return new Map(
      rows.map(({ id, array_id, ended_at }) => [
        id,
        { arrayId: array_id ?? undefined, endedAtMs: ended_at ?? undefined },
      ]),
    );
  }

  private announce(jobs: readonly NewJob[]): void {
    for (const businessId of new Set(jobs.map(({ job }) => job.businessId))) this.tellClaimable(businessId);
  }

  private outcomesOf(jobs: readonly NewJob[]): InsertOutcome[] {
    const taken = new Map<string, NewJob>();
    return allOrNone(
      jobs.map((wanted) => {
        const earlier = this.earlierOutcome(wanted, taken);
        if (!earlier && wanted.idempotency) taken.set(placeOf(wanted), wanted);
        return earlier ?? { kind: "created", job: wanted.job };
      }),
      jobs,
    );
  }

  private insertCreated(jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): void {
    for (const [i, wanted] of jobs.entries()) {
      if (outcomes[i]?.kind === "created") this.insertOne(wanted);
    }
  }

  /** @param taken keys that earlier jobs of the same insert have taken. */
  private earlierOutcome(
    { job, idempotency }: NewJob,
    taken: ReadonlyMap<string, NewJob>,
  ): InsertOutcome | undefined {
    if (!idempotency) return undefined;
    const { businessId, userId } = job;
    const row = this.store.get<JobRow & { idempotency_hash: string }>(
      `SELECT * FROM compute_jobs WHERE ${HAS_KEY}`,
      { businessId, userId, key: idempotency.key },
    );
    const sibling = taken.get(placeOf({ job, idempotency }));
    const bodyHash = row?.idempotency_hash ?? sibling?.idempotency?.bodyHash;
    const earlier = row ? jobFromRow(row) : sibling?.job;
    if (bodyHash === undefined || !earlier) return undefined;
    const wanted = { bodyHash: idempotency.bodyHash, manifest: job.manifest };
    const isSame = isSameRequest({ bodyHash, manifest: earlier.manifest }, wanted);
    return isSame ? { kind: "existing", job: earlier } : { kind: "key-reused" };
  }

  private insertOne({ job, idempotency }: NewJob): void {
    this.store.run(
      `INSERT INTO compute_jobs (job_id, business_id, user_id, template_id, schedule_id, api_key_id, array_id, hold,
         concurrency_group, name, manifest, queue_key, priority, status, attempt, retry_count, lost_count,
         idempotency_key, idempotency_hash, created_at, not_before, queue_deadline)
       VALUES ($jobId, $businessId, $userId, $templateId, $scheduleId, $apiKeyId, $arrayId, $hold,
         $group, $name, $manifest, $queueKey, $priority, $status, $attempt, $retryCount, $lostCount,
         $key, $hash, $createdAt, $notBefore, $queueDeadline)`,
      {
        jobId: job.jobId,
        businessId: job.businessId,
        userId: job.userId,
        templateId: job.templateId ?? null,
        scheduleId: job.scheduleId ?? null,
        apiKeyId: job.apiKeyId ?? null,
        arrayId: job.arrayId ?? null,
        hold: job.gate ?? null,
        group: job.gate === "array" ? null : (job.manifest.concurrency?.group ?? null),
        name: job.manifest.name ?? null,
        manifest: JSON.stringify(job.manifest),
        queueKey: job.queueKey,
        priority: job.manifest.priority,
        status: job.status,
        attempt: job.attempt,
        retryCount: job.retryCount,
        lostCount: job.lostCount,
        key: idempotency?.key ?? null,
        hash: idempotency?.bodyHash ?? null,
        createdAt: job.createdAtMs,
        notBefore: job.notBeforeMs ?? null,
        queueDeadline: job.queueDeadlineMs ?? null,
      },
    );
    insertLinks(this.store, job);
  }
}

function placeOf({ job, idempotency }: NewJob): string {
  return `${job.businessId}/${job.userId}/${idempotency?.key}`;
}
