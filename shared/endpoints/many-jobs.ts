import { z } from "zod";
import { costEstimate } from "../credit.ts";
import { fitReport, waitsFor } from "../fit.ts";
import { jobId } from "../ids.ts";
import { jobFilter } from "../job-filter.ts";
import { jobStatus } from "../job-state.ts";
import { limits } from "../limits.ts";
import { jobManifest } from "../manifest.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageOutput } from "./page.ts";

/** As it travels in the `Idempotency-Key` header, too. */
const idempotencyKey = z.string().min(1).max(255);

/** One job of a batch, and one line of a batch file: a manifest, and a key of its own where one is wanted. */
export const batchJob = jobManifest.safeExtend({ idempotencyKey: idempotencyKey.optional() });
export type BatchJob = z.output<typeof batchJob>;
export type BatchJobInput = z.input<typeof batchJob>;

const matchingInput = z.strictObject({
  ...jobFilter,
  limit: z.int().min(1).max(limits.maxBatchJobs).default(limits.maxBatchJobs),
  cursor: z.string().max(512).optional(),
});

const matchingOutput = z.object({
  /** Jobs that the filter chose and that could be changed when they were looked at. */
  matched: z.int().min(0),
  /** Those of them that were changed. */
  changed: z.int().min(0),
  /** Go on from here: there may be more. */
  ...pageOutput,
});

/**
 * What became of a job that was to be deleted. `open`: it is not over. `needed`: a job that waits comes after it.
 * `in-array`: it goes with its array, not alone.
 */
export const jobDeletion = z.enum(["deleted", "not-found", "open", "needed", "in-array"]);
export type JobDeletion = z.infer<typeof jobDeletion>;

/** Also queue the jobs again that were skipped because of those that are retried: behind them. */
export const withDependents = z.boolean().default(false);

export const retriedCounts = z.object({
  /** Jobs that are queued again; an array counts as its jobs. */
  queuedAgain: z.int().min(0),
  /** Jobs that were skipped because of these, directly or through others, and stay so. */
  skippedDependents: z.int().min(0),
});

/** What people do with many jobs at once, and why a job waits. */
export const manyJobsEndpoints = defineEndpoints({
  "jobs.why": {
    method: "POST",
    path: "/api/compute/jobs/why",
    callers: ["user"],
    summary: "What a job waits for, and of each node the first rule that keeps the job off it now.",
    input: z.strictObject({ jobId }),
    output: fitReport.extend({
      jobId,
      status: jobStatus,
      waitsFor,
      /** In a sentence or two. */
      summary: z.string(),
      /** Jobs that have a place in the concurrency group that it waits for, the oldest first; else none. */
      heldBy: z.array(z.object({ jobId, status: jobStatus, name: z.string().optional() })),
    }),
    errors: ["not_found"],
    repeatable: true,
  },
  "jobs.dry-run": {
    method: "POST",
    path: "/api/compute/jobs/dry-run",
    callers: ["user"],
    summary: "Which nodes could run such a job, now and at all. Nothing is submitted.",
    input: jobManifest,
    output: fitReport.extend({
      /** Some registered node could run it, if not now. */
      schedulable: z.boolean(),
      summary: z.string(),
      /** Only for a hosted pool; every other is free. */
      cost: costEstimate.optional(),
    }),
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.submit-batch": {
    method: "POST",
    path: "/api/compute/jobs/submit-batch",
    callers: ["user"],
    summary:
      "Submit many jobs, all or none. The Idempotency-Key header stands for the jobs without a key of their own.",
    input: z.strictObject({ jobs: z.array(batchJob).min(1).max(limits.maxBatchJobs) }),
    output: z.object({
      /** One per job, in the same order. `created` is false where its key was used before: it is the job of that time. */
      jobs: z.array(z.object({ jobId, created: z.boolean() })),
    }),
    errors: ["idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "jobs.cancel-matching": {
    method: "POST",
    path: "/api/compute/jobs/cancel-matching",
    callers: ["user"],
    summary: "Cancel the jobs that a filter chooses, newest first, a bounded number at once.",
    input: matchingInput,
    output: matchingOutput,
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.delete": {
    method: "POST",
    path: "/api/compute/jobs/delete",
    callers: ["user"],
    summary: "Delete jobs that are over, with their executions and logs. An array goes with its jobs.",
    input: z.strictObject({ jobIds: z.array(jobId).min(1).max(limits.maxBatchJobs) }),
    output: z.object({
      /** One for each id, in the same order. */
      results: z.array(z.object({ jobId, outcome: jobDeletion })),
    }),
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.delete-matching": {
    method: "POST",
    path: "/api/compute/jobs/delete-matching",
    callers: ["user"],
    summary: "Delete the finished jobs that a filter chooses, newest first, a bounded number at once.",
    input: matchingInput,
    output: matchingOutput,
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.retry-matching": {
    method: "POST",
    path: "/api/compute/jobs/retry-matching",
    callers: ["user"],
    summary:
      "Queue finished jobs again that a filter chooses, oldest first, a bounded number at once; without a status those that did not succeed.",
    input: matchingInput.extend({ withDependents }),
    output: matchingOutput.extend({
      ...retriedCounts.shape,
      /** Left as they are: a job they come after did not end as it must, and is not retried. */
      left: z.int().min(0),
    }),
    errors: ["storage_failed"],
    repeatable: false,
  },
});
