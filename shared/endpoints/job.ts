import { z } from "zod";
import { jobId } from "../ids.ts";
import { job } from "../job.ts";
import { jobFilter } from "../job-filter.ts";
import { limits } from "../limits.ts";
import { logCursor, logEvents } from "../log.ts";
import { jobManifest } from "../manifest.ts";
import { count } from "../stats.ts";
import { timestamp } from "../timestamp.ts";
import { defineEndpoints } from "./endpoint.ts";
import { retriedCounts, withDependents } from "./many-jobs.ts";
import { pageInput, pageOutput } from "./page.ts";
import { queryFlag, streamError } from "./stream.ts";
import { jobWire } from "./wire/job.ts";

const MAX_TICKETS = 1_000;

/** Sent in the same header as an access token. */
const waitTicket = z.object({ jobId, ticket: z.string(), expiresAt: timestamp });

export const jobEndpoints = defineEndpoints(jobWire, {
  "jobs.submit": {
    right: "jobs.run",
    summary: "Submit a job. Once this answers, the job is on disk.",
    input: jobManifest,
    output: job,
  },
  "jobs.retrieve": {
    right: "jobs.read",
    summary: "One job. With waitSeconds, answers as soon as the job is over or the wait has passed.",
    input: z.strictObject({
      jobId,
      waitSeconds: z.number().min(0).max(limits.maxWaitSeconds).default(0),
    }),
    output: job,
  },
  "jobs.wait-tickets": {
    right: "jobs.read",
    summary:
      "Tickets to keep waiting for jobs after the access token has expired. Each can only read its own job.",
    input: z.strictObject({ jobIds: z.array(jobId).min(1).max(MAX_TICKETS) }),
    output: z.object({ tickets: z.array(waitTicket) }),
  },
  "jobs.list": {
    right: "jobs.read",
    summary: "Jobs, newest first; the jobs of an array in the order of their indexes.",
    input: z.strictObject({ ...pageInput, ...jobFilter }),
    output: z.object({ jobs: z.array(job), ...pageOutput }),
  },
  "jobs.count": {
    right: "jobs.read",
    summary:
      "How many jobs a filter matches. Counting stops at 10,000, or earlier if they are hard to find; `more` says so.",
    input: z.strictObject(jobFilter),
    output: count,
  },
  "jobs.cancel": {
    right: "jobs.run",
    othersRight: "jobs.change-others",
    summary:
      "Cancel a job. A queued job is cancelled immediately; a running job is CANCELLED once its processes have ended.",
    input: z.strictObject({ jobId }),
    output: job,
  },
  "jobs.retry": {
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
  },
  "jobs.logs": {
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
      /** true: many lines in one `lines` event, for readers of long or fast logs. */
      packed: queryFlag.prefault("false"),
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
  },
});
