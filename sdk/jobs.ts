import type { EndpointOutput } from "../shared/endpoints/index.ts";
import type { BatchJobInput } from "../shared/endpoints/many-jobs.ts";
import type { Job } from "../shared/job.ts";
import { isFinal } from "../shared/job-state.ts";
import { limits } from "../shared/limits.ts";
import type { LogEvent } from "../shared/log.ts";
import type { JobManifestInput } from "../shared/manifest.ts";
import { pause } from "../shared/wait.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, Outage, type Patience } from "./patience.ts";
import { randomKey } from "./random-key.ts";
import { readLog } from "./read-log.ts";

export interface SubmitOptions extends Patience {
  /** Default: a random key, so a submit whose answer was lost can be sent again safely. */
  idempotencyKey?: string;
}

export interface LogOptions extends Patience {
  /** Only the last `tail` of the lines stored so far. Default: all. */
  tail?: number;
  /** The id of the last event seen; reading resumes after it. */
  lastEventId?: string;
  /**
   * While following: every line, however slowly they are read. By default a reader that is too slow misses the oldest
   * live lines and gets a `gap` event with their number. A whole log has a `gap` only if the server itself lacks lines.
   */
  whole?: boolean;
  /** Many lines in one `lines` event instead of a `log` event each: for long logs and fast ones. */
  packed?: boolean;
}

export type JobFilter = ListFilter<"jobs.list">;

/** Chooses the jobs to change. */
export type JobSelection = Omit<JobFilter, "limit">;

export interface MatchingCounts {
  /** Jobs the filter matched that could be changed at that moment. */
  matched: number;
  /** Matched jobs that were changed. */
  changed: number;
}

/** Result of a retry of many jobs. */
export interface RetriedCounts extends MatchingCounts {
  /** Jobs left unchanged: a job they depend on did not end as required and is not retried. */
  left: number;
  /** Jobs left unchanged: a file, a secret or the results that they had are gone. */
  lacking: number;
  /** Jobs queued again; an array counts as its jobs. */
  queuedAgain: number;
  /** Jobs skipped because of these, directly or indirectly, that stay skipped. */
  skippedDependents: number;
}

export type RetriedJob = EndpointOutput<"jobs.retry">;

export interface RetryOptions extends Patience {
  /** Also queue again the jobs that were skipped because of it; they run after it. */
  withDependents?: boolean;
  /** Only of a GITHUB_ACTION job: run the jobs of the workflow that did not succeed, and keep the outputs of the others. */
  failed?: boolean;
}

export interface MatchingOptions extends Patience {
  /** Called after every request with the counts so far. */
  onProgress?: (soFar: MatchingCounts) => void;
}

export type SubmittedJob = EndpointOutput<"jobs.submit-batch">["jobs"][number];

export type DeletedJob = EndpointOutput<"jobs.delete">["results"][number];

/** Avoids a tight loop when a server answers every wait immediately. */
const SHORTEST_WAIT_MS = 250;

/**
 * Jobs: submit, list, follow, wait, cancel, retry, delete. A `jobId` that does not exist throws `not_found`.
 *
 * @example
 * const { jobId } = await compute.jobs.submit({ command: "make test", maxRetries: 2 });
 * for await (const event of compute.jobs.follow(jobId)) if (event.event === "log") console.log(event.data.text);
 * const { status, exitCode } = await compute.jobs.wait(jobId);
 */
export class Jobs {
  constructor(private readonly client: ComputeClient) {}

  /** Submits a job. Once this resolves, the job is on the server's disk. Throws `invalid_request` with the wrong fields. */
  submit(manifest: JobManifestInput, options: SubmitOptions = {}): Promise<Job> {
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    return callPatiently(this.client, "jobs.submit", manifest, { ...options, idempotencyKey });
  }

  /**
   * Submits up to 1,000 jobs, all or none, and resolves with their ids in the same order. `idempotencyKey` covers the
   * jobs without a key of their own.
   */
  submitBatch(batch: readonly BatchJobInput[], options: SubmitOptions = {}): Promise<SubmittedJob[]> {
    return this.sendBatch(batch, options, new Outage(options));
  }

  /**
   * Submits one batch after the other and yields the ids of each. All batches share one patience: once the server has
   * taken the first, later batches wait as long as `awayMs` for it. Batch n gets the key `<idempotencyKey>/<n>`, from 0.
   */
  async *submitBatches(
    batches: AsyncIterable<readonly BatchJobInput[]> | Iterable<readonly BatchJobInput[]>,
    options: SubmitOptions = {},
  ): AsyncGenerator<SubmittedJob[], void, void> {
    const outage = new Outage(options);
    const key = options.idempotencyKey;
    let part = 0;
    for await (const batch of batches) {
      const idempotencyKey = key === undefined ? undefined : `${key}/${part++}`;
      yield await this.sendBatch(batch, { ...options, idempotencyKey }, outage);
    }
  }

  /** Reports which nodes could run such a job, now or ever, without submitting it. */
  dryRun(manifest: JobManifestInput, options: Patience = {}): Promise<EndpointOutput<"jobs.dry-run">> {
    return callPatiently(this.client, "jobs.dry-run", manifest, options);
  }

  /** Explains what the job waits for and, for each node, what keeps the job off it now. */
  why(jobId: string, options: Patience = {}): Promise<EndpointOutput<"jobs.why">> {
    return callPatiently(this.client, "jobs.why", { jobId }, options);
  }

  /** The job as it is now. */
  retrieve(jobId: string, options: Patience = {}): Promise<Job> {
    return callPatiently(this.client, "jobs.retrieve", { jobId }, options);
  }

  /** Lists jobs, newest first; the jobs of an array in the order of their indexes. */
  list(filter: JobFilter = {}, options: Patience = {}): AsyncGenerator<Job, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { jobs, nextCursor } = await call("jobs.list", where);
      return { rows: jobs, nextCursor };
    });
  }

  /** How many jobs match a filter: up to 10,000, and whether there are `more`. */
  count(filter: JobSelection = {}, options: Patience = {}): Promise<EndpointOutput<"jobs.count">> {
    return callPatiently(this.client, "jobs.count", filter, options);
  }

  /** Cancels a job: a queued job immediately, a running job once its processes have ended. Throws `conflict` if it is over. */
  cancel(jobId: string, options: Patience = {}): Promise<Job> {
    return callPatiently(this.client, "jobs.cancel", { jobId }, options);
  }

  /**
   * Queues a finished job again; for an array, its jobs that did not succeed. Never retried by the client: a second
   * request would be refused or start another attempt.
   */
  retry(jobId: string, options: RetryOptions = {}): Promise<RetriedJob> {
    const { withDependents, failed, ...patience } = options;
    return callPatiently(this.client, "jobs.retry", { jobId, withDependents, failed }, patience);
  }

  /** Cancels all jobs that match the filter and existed when the call began. */
  cancelMatching(filter: JobSelection, options: MatchingOptions = {}): Promise<MatchingCounts> {
    const sum: MatchingCounts = { matched: 0, changed: 0 };
    return this.changeMatching(options, sum, (cursor, outage) =>
      callPatiently(this.client, "jobs.cancel-matching", { ...filter, cursor }, options, outage),
    );
  }

  /** Queues again the finished jobs that match the filter; without a `status`, those that did not succeed. */
  retryMatching(
    filter: JobSelection,
    { withDependents, ...options }: MatchingOptions & RetryOptions = {},
  ): Promise<RetriedCounts> {
    const sum: RetriedCounts = {
      matched: 0,
      changed: 0,
      left: 0,
      lacking: 0,
      queuedAgain: 0,
      skippedDependents: 0,
    };
    return this.changeMatching(options, sum, (cursor, outage) => {
      const input = { ...filter, withDependents, cursor };
      return callPatiently(this.client, "jobs.retry-matching", input, options, outage);
    });
  }

  /** Deletes finished jobs with their executions and logs, at most 1,000 per call. Returns one outcome per id, in order. */
  async delete(jobIds: readonly string[], options: Patience = {}): Promise<DeletedJob[]> {
    return (await callPatiently(this.client, "jobs.delete", { jobIds: [...jobIds] }, options)).results;
  }

  /** Deletes the finished jobs that match the filter. */
  deleteMatching(filter: JobSelection, options: MatchingOptions = {}): Promise<MatchingCounts> {
    const sum: MatchingCounts = { matched: 0, changed: 0 };
    return this.changeMatching(options, sum, (cursor, outage) =>
      callPatiently(this.client, "jobs.delete-matching", { ...filter, cursor }, options, outage),
    );
  }

  private async sendBatch(
    batch: readonly BatchJobInput[],
    options: SubmitOptions,
    outage: Outage,
  ): Promise<SubmittedJob[]> {
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    const input = { jobs: [...batch] };
    const again = { ...options, idempotencyKey };
    return (await callPatiently(this.client, "jobs.submit-batch", input, again, outage)).jobs;
  }

  /** Repeats the call until nothing is left, and adds up the counts. */
  private async changeMatching<Counts extends MatchingCounts>(
    options: MatchingOptions,
    sum: Counts,
    call: (cursor: string | undefined, outage: Outage) => Promise<Counts & { nextCursor?: string }>,
  ): Promise<Counts> {
    const outage = new Outage(options);
    let cursor: string | undefined;
    do {
      const answer = await call(cursor, outage);
      for (const key of Object.keys(sum) as (keyof MatchingCounts)[]) sum[key] += answer[key];
      cursor = answer.nextCursor;
      options.onProgress?.({ ...sum });
    } while (cursor !== undefined);
    return sum;
  }

  /** Resolves with the job once it is over, after all its attempts. Survives restarts of the server. */
  async wait(jobId: string, options: Patience = {}): Promise<Job> {
    const outage = new Outage(options);
    // The first request does not wait. If a server died during a long first wait, it would look as if none had ever answered.
    for (let waitSeconds = 0; ; waitSeconds = limits.maxWaitSeconds) {
      const askedAtMs = performance.now();
      const input = { jobId, waitSeconds };
      const job = await callPatiently(this.client, "jobs.retrieve", input, options, outage);
      if (isFinal(job.status)) return job;
      if (waitSeconds === 0) await this.client.prepareToWait([jobId], options.signal);
      if (waitSeconds > 0 && performance.now() - askedAtMs < SHORTEST_WAIT_MS) {
        await pause(SHORTEST_WAIT_MS, options.signal);
      }
    }
  }

  /** Submits a job and waits for its end. */
  async submitAndWait(manifest: JobManifestInput, options: SubmitOptions = {}): Promise<Job> {
    const job = await this.submit(manifest, options);
    return this.wait(job.jobId, options);
  }

  /** Yields the log so far and then live, until the job is over. Reconnects without losing or repeating a line. */
  follow(jobId: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    return readLog(this.client, jobId, { ...options, follow: true });
  }

  /** Yields the log stored so far. */
  logs(jobId: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    return readLog(this.client, jobId, { ...options, follow: false });
  }
}
