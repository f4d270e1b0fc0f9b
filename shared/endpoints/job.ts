import { z } from "zod";
import { timestamp } from "../execution.ts";
import { jobId } from "../ids.ts";
import { job } from "../job.ts";
import { jobFilter } from "../job-filter.ts";
import { limits } from "../limits.ts";
import { logCursor, logEvents } from "../log.ts";
import { jobManifest } from "../manifest.ts";
import { defineEndpoints } from "./endpoint.ts";
import { retriedCounts, withDependents } from "./many-jobs.ts";
import { pageInput, pageOutput } from "./page.ts";
import { queryFlag, streamError } from "./stream.ts";

const MAX_TICKETS = 1_000;

/** Sent in the same header as an access token. */
const waitTicket = z.object({ jobId, ticket: z.string(), expiresAt: timestamp });

export const jobEndpoints = defineEndpoints({
  "jobs.submit": {
    method: "POST",
    path: "/api/compute/jobs/submit",
    callers: ["user"],
    right: "jobs.run",
    summary: "Submit a job. Once this answers, the job is on disk.",
    input: jobManifest,
    output: job,
    errors: ["idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "jobs.retrieve": {
    method: "POST",
    path: "/api/compute/jobs/retrieve",
    callers: ["user"],
    right: "jobs.read",
    summary: "One job. With waitSeconds, answers as soon as the job is over or the wait has passed.",
    input: z.strictObject({
      jobId,
      waitSeconds: z.number().min(0).max(limits.maxWaitSeconds).default(0),
    }),
    output: job,
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
    maxWaitSeconds: limits.maxWaitSeconds,
  },
  "jobs.wait-tickets": {
    method: "POST",
    path: "/api/compute/jobs/wait-tickets",
    callers: ["user"],
    right: "jobs.read",
    summary:
      "Tickets to keep waiting for jobs after the access token has expired. Each can only read its own job.",
    input: z.strictObject({ jobIds: z.array(jobId).min(1).max(MAX_TICKETS) }),
    output: z.object({ tickets: z.array(waitTicket) }),
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
  },
  "jobs.list": {
    method: "POST",
    path: "/api/compute/jobs/list",
    callers: ["user"],
    right: "jobs.read",
    summary: "Jobs, newest first; the jobs of an array in the order of their indexes.",
    input: z.strictObject({ ...pageInput, ...jobFilter }),
    output: z.object({ jobs: z.array(job), ...pageOutput }),
    errors: [],
    repeatable: true,
    waitTicket: true,
  },
  "jobs.cancel": {
    method: "POST",
    path: "/api/compute/jobs/cancel",
    callers: ["user"],
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Cancel a job. A queued job is cancelled immediately; a running job is CANCELLED once its processes have ended.",
    input: z.strictObject({ jobId }),
    output: job,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: true,
  },
  "jobs.retry": {
    method: "POST",
    path: "/api/compute/jobs/retry",
    callers: ["user"],
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Queue a finished job again, as a new attempt of the same job; for an array, its jobs that did not succeed.",
    input: z.strictObject({
      jobId,
      withDependents,
      /** Only for a GITHUB_ACTION job: runs the jobs of the workflow that did not succeed, and keeps the others. */
      failed: z.boolean().default(false),
    }),
    output: job.extend(retriedCounts.shape),
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "jobs.logs": {
    method: "GET",
    path: "/api/compute/jobs/{jobId}/logs/stream",
    aliases: ["/api/compute/jobs/{jobId}/logs"],
    callers: ["user"],
    right: "jobs.read",
    summary: "The job's log over all attempts, as server-sent events; resumes after Last-Event-ID.",
    input: z.object({
      jobId,
      /** false: the lines stored so far, then the stream ends. */
      follow: queryFlag.prefault("true"),
      /**
       * true: every line, however slowly the stream is read. false: a reader too slow for a live log misses lines, and a
       * `gap` says how many.
       */
      whole: queryFlag.prefault("false"),
      /** Only the last `tail` stored lines, then new lines. */
      tail: z.coerce.number().int().min(0).max(1_000_000).optional(),
      /** For clients that cannot set the Last-Event-ID header; the header wins. */
      lastEventId: logCursor.optional(),
    }),
    output: z.never(),
    events: {
      ...logEvents,
      /** The request's access has expired, so the stream ends. With new access it can resume after the last event. */
      error: streamError,
    },
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
  },
});
