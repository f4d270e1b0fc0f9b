import { z } from "zod";
import { costEstimate } from "../credit.ts";
import { fitReport, waitsFor } from "../fit.ts";
import { jobId } from "../ids.ts";
import { jobFilter } from "../job-filter.ts";
import { jobStatus } from "../job-status.ts";
import { limits } from "../limits.ts";
import { jobFile, jobManifest } from "../manifest.ts";
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageOutput } from "./page.ts";
import { manyJobsWire } from "./wire/many-jobs.ts";

/** The same as in the `Idempotency-Key` header. */
const idempotencyKey = z.string().min(1).max(255);

/** One job of a batch: a manifest with an optional key of its own. */
export const batchJob = jobManifest.safeExtend({ idempotencyKey: idempotencyKey.optional() });
/** One line of a batch file, whose inputs may be files of the submitter. */
export const batchLine = jobFile.safeExtend({ idempotencyKey: idempotencyKey.optional() });
export type BatchJob = z.output<typeof batchJob>;
export type BatchLine = z.output<typeof batchLine>;
export type BatchJobInput = z.input<typeof batchJob>;

const matchingInput = z.strictObject({
  ...jobFilter,
  limit: z.int().min(1).max(limits.maxBatchJobs).default(limits.maxBatchJobs),
  cursor: z.string().max(512).optional(),
});

const matchingOutput = z.object({
  /** Jobs the filter matched that could be changed at that moment. */
  matched: z.int().min(0),
  /** Matched jobs that were changed. */
  changed: z.int().min(0),
  /** Continue from here: there may be more. */
  ...pageOutput,
});

/**
 * The outcome of deleting a job. `open`: it is not over. `needed`: a waiting job comes after it. `in-array`: it can only
 * be deleted with its array. `not-yours`: it belongs to somebody else, and the caller's role deletes only their own.
 */
export const jobDeletion = z.enum(["deleted", "not-found", "open", "needed", "in-array", "not-yours"]);
export type JobDeletion = z.infer<typeof jobDeletion>;

/** Also queue again the jobs that were skipped because of a retried job; they run after it. */
export const withDependents = z.boolean().default(false);

export const retriedCounts = z.object({
  /** Jobs queued again; an array counts as its jobs. */
  queuedAgain: z.int().min(0),
  /** Jobs skipped because of these, directly or indirectly, that stay skipped. */
  skippedDependents: z.int().min(0),
});

/** Endpoints for many jobs at once, and for why a job waits. */
export const manyJobsEndpoints = defineEndpoints(manyJobsWire, {
  "jobs.why": {
    right: "jobs.read",
    summary: "What a job waits for and, for each node, the first rule that keeps the job off it now.",
    input: z.strictObject({ jobId }),
    output: fitReport.extend({
      jobId,
      status: jobStatus,
      waitsFor,
      /** In a sentence or two. */
      summary: z.string(),
      /**
       * Only of a job that a node could have now: how many jobs of its pool come before it by priority and age; with `more`,
       * more than that. Users take turns, so it may start sooner or later.
       */
      ahead: z.object({ count: z.int().min(0), more: z.boolean() }).optional(),
      /** The jobs that occupy the concurrency group it waits for, oldest first; empty if it waits for something else. */
      heldBy: z.array(z.object({ jobId, status: jobStatus, name: z.string().optional() })),
    }),
  },
  "jobs.dry-run": {
    right: "jobs.run",
    summary: "Which nodes could run such a job, now or ever. Nothing is submitted.",
    input: jobManifest,
    output: fitReport.extend({
      /** Whether a registered node could ever run it. */
      schedulable: z.boolean(),
      summary: z.string(),
      /** Only for a hosted pool; every other pool is free. */
      cost: costEstimate.optional(),
    }),
  },
  "jobs.submit-batch": {
    right: "jobs.run",
    summary:
      "Submit many jobs, all or none. The Idempotency-Key header covers the jobs without a key of their own.",
    input: z.strictObject({ jobs: z.array(batchJob).min(1).max(limits.maxBatchJobs) }),
    output: z.object({
      /** One per job, in the same order. `created` is false if the key was used before; `jobId` is then the earlier job. */
      jobs: z.array(z.object({ jobId, created: z.boolean() })),
    }),
  },
  "jobs.cancel-matching": {
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Cancel the jobs that match a filter, newest first, a limited number per request. Of members, only their own.",
    input: matchingInput,
    output: matchingOutput,
  },
  "jobs.delete": {
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary: "Delete finished jobs with their executions and logs. Deleting an array also deletes its jobs.",
    input: z.strictObject({ jobIds: z.array(jobId).min(1).max(limits.maxBatchJobs) }),
    output: z.object({
      /** One per id, in the same order. */
      results: z.array(z.object({ jobId, outcome: jobDeletion })),
      ...trashOutput,
    }),
  },
  "jobs.delete-matching": {
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Delete the finished jobs that match a filter, newest first, a limited number per request. Of members, only their own.",
    input: matchingInput,
    output: matchingOutput.extend(trashOutput),
  },
  "jobs.retry-matching": {
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Queue again the finished jobs that match a filter, oldest first, a limited number per request. Without a status, only those that did not succeed. Of members, only their own.",
    input: matchingInput.extend({ withDependents }),
    output: matchingOutput.extend({
      ...retriedCounts.shape,
      /** Jobs left unchanged: a job they come after did not end as required and is not retried. */
      left: z.int().min(0),
      /** Jobs left unchanged: a file, a secret or the results that they had are gone. */
      lacking: z.int().min(0).default(0),
    }),
  },
});
