import { z } from "zod";
import { executionId, jobId, nodeId } from "./ids.ts";
import { timestamp } from "./timestamp.ts";

/** Counting stops here: a count says `more` instead of reading millions of rows. */
export const MAX_COUNTED = 10_000;

/** How many there are; with `more`, there are more than that. */
export const count = z.object({ count: z.int().min(0), more: z.boolean() });
export type Count = z.infer<typeof count>;

/** What goes on in a business at one moment. */
export const statsOverview = z.object({
  at: timestamp,
  /** Jobs by their status. An array counts as a job, besides its jobs. */
  jobs: z.object({
    QUEUED: count,
    ASSIGNED: count,
    RUNNING: count,
    SUCCESS: count,
    FAILED: count,
    TIMEOUT: count,
    CANCELLED: count,
  }),
  /** Jobs that ended as FAILED or TIMEOUT in the last 24 hours. */
  failedLastDay: count,
  nodes: z.object({
    ACTIVE: z.int().min(0),
    SUSPENDED: z.int().min(0),
    DRAINING: z.int().min(0),
    OFFLINE: z.int().min(0),
  }),
  slots: z.object({
    /** Of all nodes that take jobs now. */
    total: z.int().min(0),
    /** Executions that are assigned or running. */
    used: count,
  }),
  /** The job that has waited longest for a node; jobs that wait for their time or for other jobs do not count. */
  oldestQueued: z
    .object({ jobId, name: z.string().optional(), createdAt: timestamp, waitingSeconds: z.number().min(0) })
    .optional(),
});
export type StatsOverview = z.infer<typeof statsOverview>;

/** What a series is about. */
export const statsSubject = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("business") }),
  z.strictObject({ kind: z.literal("node"), id: nodeId }),
  z.strictObject({ kind: z.literal("execution"), id: executionId }),
]);
export type StatsSubject = z.infer<typeof statsSubject>;

export const MAX_SERIES_POINTS = 2_000;

const column = z.array(z.number().nullable());

/**
 * Columns of the same length, one number for each time; null: nothing is known. The numbers of jobs are those of the time
 * from one point to the next, all others an average or, as `…Peak`, the highest.
 */
export const statsSeries = z.object({
  stepSeconds: z.number().positive(),
  /** When each point begins, in epoch seconds. */
  at: z.array(z.number()),
  columns: z.object({
    /** Of a business: jobs that were submitted, and attempts and jobs that began and ended. */
    submitted: column.optional(),
    started: column.optional(),
    succeeded: column.optional(),
    failed: column.optional(),
    cancelled: column.optional(),
    /** Of a business: how long first attempts waited for a node: half of them at most P50, 95 % at most P95. */
    waitP50Seconds: column.optional(),
    waitP95Seconds: column.optional(),
    /** Of a business: jobs that a node could have. */
    queued: column.optional(),
    /** Of a business or a node: executions. */
    running: column.optional(),
    /** Of a node or an execution: cores. */
    cpu: column.optional(),
    cpuPeak: column.optional(),
    /** Of a node or an execution: MiB. Points of an execution have the highest. */
    memoryMb: column.optional(),
    memoryMbPeak: column.optional(),
  }),
});
export type StatsSeries = z.infer<typeof statsSeries>;
