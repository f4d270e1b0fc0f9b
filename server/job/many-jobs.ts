import type { BatchJob } from "../../shared/endpoints/many-jobs.ts";
import { ComputeError } from "../../shared/errors.ts";
import { type JobStatus, statusesBefore } from "../../shared/job-state.ts";
import { fingerprintOf, fingerprintOfBatch } from "./fingerprint.ts";
import { checkJobs, lackOf } from "./job-checks.ts";
import type { JobParts } from "./job-parts.ts";
import type { JobRecord } from "./job-record.ts";
import { cancelled, newJob } from "./job-rules.ts";
import { BYTES_AT_ONCE, BYTES_PER_REQUEST, CHANGED_AT_ONCE } from "./job-slices.ts";
import { afterItsSources, type FieldPrefix } from "./job-sources.ts";
import type { InsertOutcome, JobListQuery, NewJob } from "./job-store.ts";
import { checkTypes, insertFor, type Maker } from "./key-limits.ts";
import type { RetriedSet } from "./manual-retry.ts";

export interface Submitted {
  jobId: string;
  /** False if its key was used before; then this is the job that was created then. */
  created: boolean;
}

/** The result of changing the jobs that a filter selects. */
export interface ManyChanged {
  matched: number;
  changed: number;
  nextBeforeJobId: string | undefined;
}

/** How far a retry has come (`behindJobId`), and the newest job that it includes (`lastJobId`). */
export interface RetryPlace {
  behindJobId: string;
  lastJobId: string;
}

export interface ManyRetried extends RetriedSet {
  matched: number;
  /** How many jobs lack a file, a secret or results that they had: each would fail at its start. */
  lacking: number;
  /** Undefined if there are no more jobs. */
  next: RetryPlace | undefined;
}

/** The progress of a retry over its slices so far. */
interface RetryProgress {
  matched: number;
  lacking: number;
  behindJobId: string;
  isOver: boolean;
}

const OF_BATCH: FieldPrefix = (i) => `jobs.${i}.`;

const NOTHING_RETRIED: ManyRetried = {
  matched: 0,
  changed: 0,
  left: 0,
  lacking: 0,
  queuedAgain: 0,
  skippedDependents: 0,
  next: undefined,
};

/** What users do with many jobs together. Each call is bounded by its batch or by the query's limit. */
export class ManyJobs {
  constructor(private readonly parts: JobParts) {}

  /** Submits all jobs or none. `batchKey` is the idempotency key of the jobs that have no key of their own. */
  async submit(
    by: Maker,
    submitted: readonly BatchJob[],
    batchKey: string | undefined,
  ): Promise<Submitted[]> {
    const batch = submitted.map((manifest, i) => afterItsSources(manifest, OF_BATCH(i)));
    // Only the first key is checked: if the first job was submitted before, normally all were. Jobs with keys of their own
    // can get into the queue unchecked that way, but like all others they are paid for when they are handed out.
    const firstKey = batch[0]?.idempotencyKey ?? (batchKey === undefined ? undefined : `${batchKey}#0`);
    refuseArrays(batch);
    checkTypes(by, batch);
    await checkJobs(this.parts, by, batch, OF_BATCH, firstKey);
    const nowMs = this.parts.now();
    const batchHash = batchKey === undefined ? "" : await fingerprintOfBatch(batch);
    let behind: string | undefined;
    const wanted = batch.map(({ idempotencyKey, ...manifest }, i): NewJob => {
      const job = newJob(by, manifest, { apiKeyId: by.apiKey?.apiKeyId }, nowMs);
      if (idempotencyKey !== undefined) {
        return { job, idempotency: { key: idempotencyKey, bodyHash: fingerprintOf(manifest) } };
      }
      if (batchKey === undefined) return { job, idempotency: undefined };
      const key = `${batchKey}#${i}`;
      // With the hash of the whole batch, each job shows whether the key was used for a different batch.
      const idempotency = { key, bodyHash: batchHash, behind };
      behind ??= key;
      return { job, idempotency };
    });
    const outcomes = await insertFor(this.parts.jobs, by, wanted, nowMs);
    refuseReused(outcomes, wanted, batchKey);
    const created = outcomes.flatMap((outcome) => (outcome.kind === "created" ? [outcome.job] : []));
    await this.parts.flow.submitted(created);
    return outcomes.flatMap((outcome) =>
      "job" in outcome ? [{ jobId: outcome.job.jobId, created: outcome.kind === "created" }] : [],
    );
  }

  /** Cancels the jobs of a query. Queued jobs are CANCELLED immediately; for running jobs, their nodes get the order. */
  async cancel(query: JobListQuery): Promise<ManyChanged> {
    const nowMs = this.parts.now();
    return this.change(query, statusesBefore("cancel"), (job) => cancelled(job, nowMs));
  }

  /**
   * Queues finished jobs again; without a status in the query, those that did not succeed. It goes from the oldest to the
   * newest, so each is judged by what has become of the jobs it comes after. An array is retried together with its jobs,
   * whether the query selects these or not.
   */
  async retry(
    query: Omit<JobListQuery, "beforeJobId" | "oldestBehind">,
    place: RetryPlace | undefined,
    withDependents = false,
  ): Promise<ManyRetried> {
    const finished = ["FAILED", "TIMEOUT", "CANCELLED"] as const;
    const possible: readonly JobStatus[] = query.status ? [...finished, "SUCCESS"] : finished;
    const status = possible.filter((candidate) => query.status?.includes(candidate) ?? true);
    const where = { ...query, status };
    const lastJobId = place?.lastJobId ?? (status.length > 0 ? await this.newestOf(where) : undefined);
    if (lastJobId === undefined) return NOTHING_RETRIED;
    const progress: RetryProgress = {
      matched: 0,
      lacking: 0,
      behindJobId: place?.behindJobId ?? "",
      isOver: false,
    };
    const done = await this.parts.retries.many(
      query.businessId,
      this.slices(where, lastJobId, progress),
      withDependents,
    );
    const { matched, lacking, behindJobId, isOver } = progress;
    return { ...done, matched, lacking, next: isOver ? undefined : { behindJobId, lastJobId } };
  }

  /** The jobs of a retry, a few at a time. The jobs of a slice are queued again before the next slice is read. */
  private async *slices(
    where: Omit<JobListQuery, "beforeJobId" | "oldestBehind">,
    lastJobId: string,
    progress: RetryProgress,
  ): AsyncGenerator<JobRecord[], void, void> {
    let read = 0;
    while (!progress.isOver && progress.matched < where.limit && read < BYTES_PER_REQUEST) {
      const limit = Math.min(CHANGED_AT_ONCE, where.limit - progress.matched);
      // `~` sorts after all characters of an id, so the last job is included.
      const range = { beforeJobId: `${lastJobId}~`, oldestBehind: progress.behindJobId };
      const { jobs, bytes, isCut } = await this.parts.jobs.listSome(
        { ...where, ...range, limit },
        BYTES_AT_ONCE,
      );
      read += bytes;
      progress.matched += jobs.length;
      progress.behindJobId = jobs.at(-1)?.jobId ?? progress.behindJobId;
      progress.isOver = jobs.length < limit && !isCut;
      const whole = await this.withoutLacking(jobs);
      progress.lacking += jobs.length - whole.length;
      yield whole;
    }
  }

  private async withoutLacking(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const lacks = await Promise.all(jobs.map((job) => lackOf(this.parts, job)));
    return jobs.filter((_, i) => lacks[i] === undefined);
  }

  private async newestOf(where: Omit<JobListQuery, "beforeJobId">): Promise<string | undefined> {
    const [newest] = await this.parts.jobs.list({ ...where, beforeJobId: undefined, limit: 1 });
    return newest?.jobId;
  }

  /** Changes each job of the query as `rule` decides. `possible`: the statuses that it can change. */
  private async change(
    query: JobListQuery,
    possible: readonly JobStatus[],
    rule: (job: JobRecord) => JobRecord | undefined,
  ): Promise<ManyChanged> {
    const status = possible.filter((candidate) => query.status?.includes(candidate) ?? true);
    if (status.length === 0) return { matched: 0, changed: 0, nextBeforeJobId: undefined };
    const { results, nextBeforeJobId } = await this.parts.jobs.changeMatching(
      { ...query, status },
      (state) => {
        const job = state && rule(state.job);
        return { job, result: job };
      },
    );
    const jobs = results.filter((job) => job !== undefined);
    if (jobs.length > 0) await this.parts.flow.changed(jobs);
    return { matched: results.length, changed: jobs.length, nextBeforeJobId };
  }
}

/** Throws if the batch has an array, which is many jobs already and has an id of its own to wait for. */
function refuseArrays(batch: readonly BatchJob[]): void {
  const errors = batch.flatMap((job, i) =>
    job.array === undefined ? [] : [{ path: `jobs.${i}.array`, message: "must be submitted by itself" }],
  );
  if (errors.length === 0) return;
  throw new ComputeError("invalid_request", "A batch holds single jobs; submit an array by itself.", {
    errors,
  });
}

function refuseReused(
  outcomes: readonly InsertOutcome[],
  wanted: readonly NewJob[],
  batchKey: string | undefined,
): void {
  const errors = outcomes.flatMap((outcome, i) => {
    if (outcome.kind !== "key-reused") return [];
    const key = wanted[i]?.idempotency?.key;
    const isOwn = batchKey === undefined || key !== `${batchKey}#${i}`;
    return isOwn ? [{ path: `jobs.${i}.idempotencyKey`, message: "was used for another job" }] : [];
  });
  if (!outcomes.some((outcome) => outcome.kind === "key-reused")) return;
  const what =
    errors.length > 0
      ? `The batch has idempotency keys that were used for jobs with a different manifest: ${errors.length}`
      : `The idempotency key ${batchKey} was used for a different batch`;
  throw new ComputeError(
    "idempotency_key_reused",
    `${what}. Nothing was submitted. Use a new key for a new job.`,
    {
      errors: errors.slice(0, MAX_ERRORS),
    },
  );
}

const MAX_ERRORS = 100;
