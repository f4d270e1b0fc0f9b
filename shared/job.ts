import { z } from "zod";
import { apiKeyId } from "./api-key.ts";
import { executionEnd } from "./execution.ts";
import { executionId, jobId, nodeId } from "./ids.ts";
import { jobStatus } from "./job-status.ts";
import { jobManifest } from "./manifest.ts";
import { timestamp } from "./timestamp.ts";
import { workflowRun } from "./workflow-run.ts";

/** A job as the API shows it: its manifest with every default, its state, and how its last attempt went. */
export const job = z.object({
  ...jobManifest.shape,
  ...executionEnd.shape,
  jobId,
  businessId: z.string(),
  userId: z.string(),
  /** The template or schedule that made the job; absent if it was submitted directly. */
  templateId: z.string().optional(),
  scheduleId: z.string().optional(),
  /** The API key that the job was made with. */
  apiKeyId: apiKeyId.optional(),
  status: jobStatus,
  /** Attempts assigned so far. */
  attempt: z.int().min(0),
  /** Automatic retries used so far. */
  retryCount: z.int().min(0),
  /** Automatic retries after lost nodes, counted separately. */
  lostCount: z.int().min(0),
  /** The current or last execution. */
  executionId: executionId.optional(),
  nodeId: nodeId.optional(),
  /** Only when a GITHUB_ACTION job is retrieved: the run of its current or last execution. */
  workflowRun: workflowRun.optional(),
  /** The array the job belongs to. */
  arrayId: z.string().optional(),
  /** Only when an array is retrieved: the number of its jobs in each status; a status without jobs is absent. */
  jobsByStatus: z.partialRecord(jobStatus, z.int().min(1)).optional(),
  /** Only while QUEUED. `after`: it waits for other jobs. `group`: its concurrency group is full. `array`: it never runs; its jobs do. */
  hold: z.enum(["after", "group", "array"]).optional(),
  /** Only while QUEUED: why no registered node could ever run this job. */
  unschedulableReason: z.string().optional(),
  /** Only for jobs in a hosted pool: the cost of all ended attempts, in millionths of a US dollar. */
  costMicroUsd: z.int().min(0).optional(),
  cancelRequestedAt: timestamp.optional(),
  createdAt: timestamp,
  /** Only while QUEUED for a retry or a later start: the earliest time to assign it. */
  notBefore: timestamp.optional(),
  assignedAt: timestamp.optional(),
  startedAt: timestamp.optional(),
  finishedAt: timestamp.optional(),
});
export type Job = z.infer<typeof job>;
