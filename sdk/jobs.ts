import type { EndpointOutput } from "../shared/endpoints/index.ts";
import type { BatchJobInput } from "../shared/endpoints/many-jobs.ts";
import type { Job } from "../shared/job.ts";
import { isFinal } from "../shared/job-state.ts";
import { limits } from "../shared/limits.ts";
import type { LogEvent } from "../shared/log.ts";
import type { JobManifestInput } from "../shared/manifest.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, Outage, type Patience, pause } from "./patience.ts";
import { readLog } from "./read-log.ts";

export interface SubmitOptions extends Patience {
  /** One is made where none is given, so that a submit whose answer was lost is sent again without harm. */
  idempotencyKey?: string;
}

export interface LogOptions extends Patience {
  /** Only the last so many of the lines that are stored already. */
  tail?: number;
  /** The id of the last event that was seen; what comes behind it is read. */
  lastEventId?: string;
  /**
   * While following: every line, however slowly they are taken. Without it a reader that is too slow misses the oldest
   * live lines and gets a `gap` event with their number. A whole log has one only where the server itself lacks lines.
   */
  whole?: boolean;
}

export type JobFilter = ListFilter<"jobs.list">;

/** Which jobs of all to change. */
export type JobSelection = Omit<JobFilter, "limit">;

export interface MatchingCounts {
  /** Jobs that the filter chose and that could be changed when they were looked at. */
  matched: number;
  /** Those of them that were changed. */
  changed: number;
}

/** What a retry of many jobs has done. */
export interface RetriedCounts extends MatchingCounts {
  /** Left as they are: a job they come after did not end as it must, and is not retried. */
  left: number;
  /** Jobs that are queued again; an array counts as its jobs. */
  queuedAgain: number;
  /** Jobs that were skipped because of these, directly or through others, and stay so. */
  skippedDependents: number;
}

export type RetriedJob = EndpointOutput<"jobs.retry">;

export interface RetryOptions extends Patience {
  /** Also queue the jobs again that were skipped because of it, behind it. */
  withDependents?: boolean;
}

export interface MatchingOptions extends Patience {
  /** Called after every request with what has been done so far. */
  onProgress?: (soFar: MatchingCounts) => void;
}

export type SubmittedJob = EndpointOutput<"jobs.submit-batch">["jobs"][number];

export type DeletedJob = EndpointOutput<"jobs.delete">["results"][number];

/** A server that answers a wait at once must not be asked in a tight loop. */
const SHORTEST_WAIT_MS = 250;

/** Jobs: submit, look, follow, wait, cancel, retry. */
export class Jobs {
  private readonly client: ComputeClient;

  constructor(client: ComputeClient) {
    this.client = client;
  }

  /** When this resolves, the job is on the server's disk. */
  submit(manifest: JobManifestInput, options: SubmitOptions = {}): Promise<Job> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    return callPatiently(this.client, "jobs.submit", manifest, { ...options, idempotencyKey });
  }

  /**
   * Submits up to 1,000 jobs, all or none, and resolves with their ids in the same order. A key given here stands for
   * those that have none of their own.
   */
  submitBatch(batch: readonly BatchJobInput[], options: SubmitOptions = {}): Promise<SubmittedJob[]> {
    return this.sendBatch(batch, options, new Outage(options));
  }

  /**
   * Submits one batch after the other and yields the ids of each. All are one conversation: a server that took the
   * first one and goes away is waited for. A key given here is each batch's with its number behind it.
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

  /** Which nodes could run such a job, now and at all. Nothing is submitted. */
  dryRun(manifest: JobManifestInput, options: Patience = {}): Promise<EndpointOutput<"jobs.dry-run">> {
    return callPatiently(this.client, "jobs.dry-run", manifest, options);
  }

  /** What the job waits for, and of each node what keeps the job off it now. */
  why(jobId: string, options: Patience = {}): Promise<EndpointOutput<"jobs.why">> {
    return callPatiently(this.client, "jobs.why", { jobId }, options);
  }

  retrieve(jobId: string, options: Patience = {}): Promise<Job> {
    return callPatiently(this.client, "jobs.retrieve", { jobId }, options);
  }

  /** Newest first; the jobs of an array in the order of its indexes. */
  list(filter: JobFilter = {}, options: Patience = {}): AsyncGenerator<Job, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { jobs, nextCursor } = await call("jobs.list", where);
      return { rows: jobs, nextCursor };
    });
  }

  cancel(jobId: string, options: Patience = {}): Promise<Job> {
    return callPatiently(this.client, "jobs.cancel", { jobId }, options);
  }

  /**
   * Queues a finished job again, or those of an array's jobs that did not succeed. Not sent twice: a second one would be
   * refused or make another attempt.
   */
  retry(jobId: string, options: RetryOptions = {}): Promise<RetriedJob> {
    const { withDependents, ...patience } = options;
    return callPatiently(this.client, "jobs.retry", { jobId, withDependents }, patience);
  }

  /** Cancels all jobs that the filter chooses and that were there when it began. */
  cancelMatching(filter: JobSelection, options: MatchingOptions = {}): Promise<MatchingCounts> {
    const sum: MatchingCounts = { matched: 0, changed: 0 };
    return this.changeMatching(options, sum, (cursor, outage) =>
      callPatiently(this.client, "jobs.cancel-matching", { ...filter, cursor }, options, outage),
    );
  }

  /** Queues the finished jobs again that the filter chooses; without a status, those that did not succeed. */
  retryMatching(
    filter: JobSelection,
    { withDependents, ...options }: MatchingOptions & RetryOptions = {},
  ): Promise<RetriedCounts> {
    const sum: RetriedCounts = { matched: 0, changed: 0, left: 0, queuedAgain: 0, skippedDependents: 0 };
    return this.changeMatching(options, sum, (cursor, outage) => {
      const input = { ...filter, withDependents, cursor };
      return callPatiently(this.client, "jobs.retry-matching", input, options, outage);
    });
  }

  /** Deletes jobs that are over, with their executions and logs. One answer for each id, in order; at most 1,000 at once. */
  async delete(jobIds: readonly string[], options: Patience = {}): Promise<DeletedJob[]> {
    return (await callPatiently(this.client, "jobs.delete", { jobIds: [...jobIds] }, options)).results;
  }

  /** Deletes the finished jobs that the filter chooses. */
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
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    const input = { jobs: [...batch] };
    const again = { ...options, idempotencyKey };
    return (await callPatiently(this.client, "jobs.submit-batch", input, again, outage)).jobs;
  }

  /** Goes on until nothing is left, and adds up what the answers say. */
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

  /** Resolves when the job is over, over all its attempts; goes on through restarts of the server. */
  async wait(jobId: string, options: Patience = {}): Promise<Job> {
    const outage = new Outage(options);
    // First it is only asked: a long wait that a server takes along with it would look as if none had ever answered.
    for (let waitSeconds = 0; ; waitSeconds = limits.maxWaitSeconds) {
      const askedAtMs = performance.now();
      const input = { jobId, waitSeconds };
      const job = await callPatiently(this.client, "jobs.retrieve", input, options, outage);
      if (isFinal(job.status)) return job;
      if (waitSeconds === 0) await this.client.prepareToWait([jobId]);
      if (waitSeconds > 0 && performance.now() - askedAtMs < SHORTEST_WAIT_MS) {
        await pause(SHORTEST_WAIT_MS, options.signal);
      }
    }
  }

  async submitAndWait(manifest: JobManifestInput, options: SubmitOptions = {}): Promise<Job> {
    const job = await this.submit(manifest, options);
    return this.wait(job.jobId, options);
  }

  /** The log so far and then live, until the job is over; reconnects without a gap or a repeat. */
  follow(jobId: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    return readLog(this.client, jobId, { ...options, follow: true });
  }

  /** The log as it is stored now. */
  logs(jobId: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    return readLog(this.client, jobId, { ...options, follow: false });
  }
}
