import { z } from "zod";
import { executionEnd, timestamp } from "./execution.ts";
import { executionId, jobId, nodeId } from "./ids.ts";
import { jobStatus } from "./job-state.ts";
import { jobManifest } from "./manifest.ts";

/** A job as the API shows it: its manifest with every default, where it stands, and how its last attempt went. */
export const job = z.object({
  ...jobManifest.shape,
  ...executionEnd.shape,
  jobId,
  businessId: z.string(),
  userId: z.string(),
  /** What the job was made from, where it was not simply submitted. */
  templateId: z.string().optional(),
  scheduleId: z.string().optional(),
  status: jobStatus,
  /** Attempts that have been assigned so far. */
  attempt: z.int().min(0),
  /** Automatic retries used so far. */
  retryCount: z.int().min(0),
  /** Automatic retries after lost nodes, counted apart. */
  lostCount: z.int().min(0),
  /** The current or last execution. */
  executionId: executionId.optional(),
  nodeId: nodeId.optional(),
  /** The array the job belongs to. */
  arrayId: z.string().optional(),
  /** Only of an array that was retrieved: how many of its jobs are in each status; what none is in is left out. */
  jobsByStatus: z.partialRecord(jobStatus, z.int().min(1)).optional(),
  /** Only while QUEUED: `after` other jobs, until its concurrency `group` has room, or an `array`, which stands for its jobs. */
  hold: z.enum(["after", "group", "array"]).optional(),
  /** Only while QUEUED: why no registered node could ever run this job. */
  unschedulableReason: z.string().optional(),
  /** Only of jobs for a hosted pool: what the attempts that have ended cost, in millionths of a US dollar. */
  costMicroUsd: z.int().min(0).optional(),
  cancelRequestedAt: timestamp.optional(),
  createdAt: timestamp,
  /** Only while QUEUED for a retry or a later start: not before this time. */
  notBefore: timestamp.optional(),
  assignedAt: timestamp.optional(),
  startedAt: timestamp.optional(),
  finishedAt: timestamp.optional(),
});
export type Job = z.infer<typeof job>;
