import type { Identity } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { jobType } from "../../shared/job-fields.ts";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { failedJobsOf } from "./failed-jobs.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkJobs, checkNamed, lackOf } from "./job-checks.ts";
import type { JobParts } from "./job-parts.ts";
import type { JobRecord } from "./job-record.ts";
import { cancelled, type JobOrigin, newArray, newJob } from "./job-rules.ts";
import { BYTES_AT_ONCE, type JobSlice } from "./job-slices.ts";
import { afterItsSources, type FieldPrefix } from "./job-sources.ts";
import type { JobListQuery } from "./job-store.ts";
import type { JobWatch } from "./job-watch.ts";
import { checkRoom, checkTypes, insertFor, type Maker, refuseLimited, retryFor } from "./key-limits.ts";
import type { Retried } from "./manual-retry.ts";

const ONLY_JOB: FieldPrefix = () => "";

export interface RetryChoice {
  withDependents?: boolean | undefined;
  failed?: boolean | undefined;
}

/** What users do with jobs. Every method is limited to the business of the caller. */
export class JobService {
  constructor(
    private readonly parts: JobParts,
    private readonly watch: JobWatch,
  ) {}

  /**
   * Queues a job. If the idempotency key was used before with the same manifest, resolves with the job that was created
   * then; with a different manifest, throws `idempotency_key_reused`.
   */
  async submit(
    by: Maker,
    submitted: JobManifest,
    idempotencyKey: string | undefined,
    origin: JobOrigin = {},
  ): Promise<JobRecord> {
    const manifest = afterItsSources(submitted);
    checkTypes(by, [manifest]);
    await checkJobs(this.parts, by, [manifest], ONLY_JOB, idempotencyKey);
    const nowMs = this.parts.now();
    const job = newJob(by, manifest, { ...origin, apiKeyId: by.apiKey?.apiKeyId }, nowMs);
    const idempotency =
      idempotencyKey === undefined ? undefined : { key: idempotencyKey, bodyHash: fingerprintOf(manifest) };
    const members = newArray(job).map((member) => ({ job: member, idempotency: undefined }));
    const wanted = [{ job, idempotency }, ...members];
    const [outcome] = await insertFor(this.parts.jobs, by, wanted, nowMs);
    if (!outcome) throw new Error("The store answered an insert of one job with nothing");
    if (!("job" in outcome)) {
      throw new ComputeError(
        "idempotency_key_reused",
        `The idempotency key ${idempotencyKey} was used for a job with a different manifest. Use a new key for a new job.`,
      );
    }
    if (outcome.kind !== "created") return outcome.job;
    // A node may have got it already; the answer shows the job as it was made.
    await this.parts.flow.submitted([outcome.job, ...members.map((member) => member.job)]);
    return job;
  }

  /** Checks the job of a schedule before it is stored. Throws what `submit` would throw for what it names. */
  async check(by: Pick<Identity, "businessId" | "userId">, manifest: JobManifest, at: string): Promise<void> {
    await checkNamed(this.parts, by, [afterItsSources(manifest, at)], () => at);
  }

  /** Checks that a person or program may make this job now. Throws `forbidden` or `rate_limited`. */
  async checkMaker(by: Maker, manifest: JobManifest): Promise<void> {
    checkTypes(by, [manifest]);
    await checkRoom(this.parts.jobs, by, this.parts.now());
  }

  async retrieve(businessId: string, jobId: string): Promise<JobRecord> {
    return (await this.parts.jobs.find(businessId, jobId)) ?? notFound(jobId);
  }

  /** Resolves with the job once it is final, or as it is when the wait is over. */
  async waitUntilFinal(
    businessId: string,
    jobId: string,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<JobRecord> {
    const deadlineMs = performance.now() + waitMs;
    for (;;) {
      const remainingMs = deadlineMs - performance.now();
      const stop = new AbortController();
      const changed =
        remainingMs > 0
          ? this.watch.next(jobId, Math.min(remainingMs, RECHECK_MS), AbortSignal.any([signal, stop.signal]))
          : undefined;
      const job = await this.parts.jobs.find(businessId, jobId);
      if (!job || isFinal(job.status) || !changed || signal.aborted) {
        stop.abort();
        return job ?? notFound(jobId);
      }
      await changed;
    }
  }

  /** How many jobs of an array are in each status; undefined for any other job. */
  async jobsByStatus({ jobId, manifest }: JobRecord): Promise<ReadonlyMap<JobStatus, number> | undefined> {
    return manifest.array === undefined ? undefined : this.parts.flow.arrayProgress(jobId);
  }

  /** Lists jobs, up to BYTES_AT_ONCE of manifests. */
  count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    return this.parts.jobs.count(query);
  }

  listSome(query: JobListQuery): Promise<JobSlice> {
    return this.parts.jobs.listSome(query, BYTES_AT_ONCE);
  }

  /**
   * Cancels a job. A queued job is CANCELLED immediately; for a running job, its node gets the order. Cancelling a cancelled
   * job changes nothing. Throws `not_found`, and `conflict` if the job ended otherwise.
   */
  async cancel(businessId: string, jobId: string): Promise<JobRecord> {
    const nowMs = this.parts.now();
    const [result] = await this.parts.jobs.change([
      {
        key: { businessId, jobId },
        decide: (state) => {
          const job = state && cancelled(state.job, nowMs);
          return { job, result: job ?? state?.job };
        },
      },
    ]);
    if (!result) return notFound(jobId);
    if (isFinal(result.status) && result.status !== "CANCELLED") {
      throw new ComputeError(
        "conflict",
        `Job ${jobId} is already ${result.status}; there is nothing left to cancel.`,
      );
    }
    await this.parts.flow.changed([result]);
    return result;
  }

  /**
   * Queues a finished job again; of an array, those of its jobs that did not succeed. With dependents, also the jobs that
   * were skipped because of it. `failed`: of a workflow only the jobs run that have not succeeded. Throws `not_found`, and `conflict` if there is nothing to queue.
   */
  async retry(
    by: Maker,
    jobId: string,
    { withDependents = false, failed = false }: RetryChoice = {},
  ): Promise<Retried & { job: JobRecord }> {
    const { businessId } = by;
    if (withDependents) refuseLimited(by, "retry jobs together with those that come after them");
    const before = await this.retrieve(businessId, jobId);
    refuseUnsupportedType(before);
    checkTypes(by, [before.manifest]);
    const rerunOf = failed ? await failedJobsOf(before, this.parts.runs) : undefined;
    const lack = await lackOf(this.parts, before);
    if (lack !== undefined) throw new ComputeError("conflict", `Job ${jobId} cannot be run again: ${lack}`);
    const places = { count: await this.jobsToRetry(before), nowMs: this.parts.now() };
    const done = await retryFor(this.parts.jobs, by, places, () =>
      this.parts.retries.one(before, withDependents, rerunOf),
    );
    const job = await this.retrieve(businessId, jobId);
    if (done.queuedAgain > 0 || job.status !== before.status) return { ...done, job };
    throw new ComputeError("conflict", nothingToRetry(job, withDependents));
  }

  /** Of an array, those of its jobs that are over and did not succeed. */
  private async jobsToRetry(job: JobRecord): Promise<number> {
    const counts = await this.jobsByStatus(job);
    if (!counts) return 1;
    return [...counts].reduce(
      (sum, [status, count]) => sum + (isFinal(status) && status !== "SUCCESS" ? count : 0),
      0,
    );
  }
}

/** Throws if the job's type is refused today, as it may be for a job of an older release. */
function refuseUnsupportedType({ jobId, manifest }: JobRecord): void {
  const checked = jobType.safeParse(manifest.type);
  if (checked.success) return;
  const message = checked.error.issues[0]?.message ?? "";
  throw new ComputeError("invalid_request", `Job ${jobId} cannot be run again: its type ${message}.`, {
    errors: [{ path: "type", message }],
  });
}

function nothingToRetry({ jobId, status, manifest }: JobRecord, withDependents: boolean): string {
  const behind = withDependents ? ", and no job that comes after it was skipped" : "";
  if (manifest.array === undefined) {
    return `Job ${jobId} is ${status}${behind}; only a finished job can be retried.`;
  }
  return status === "SUCCESS"
    ? `All jobs of array ${jobId} succeeded${behind}; there is nothing to run again.`
    : `Array ${jobId} is ${status}, and none of its jobs has failed so far${behind}.`;
}

/** A lost message delays a waiter by at most this. */
const RECHECK_MS = 5_000;

function notFound(jobId: string): never {
  throw new ComputeError("not_found", `There is no job ${jobId} in this business.`);
}
