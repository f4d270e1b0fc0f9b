import { z } from "zod";
import { timestamp } from "./execution.ts";
import { jobId } from "./ids.ts";

/** Counting stops here: a count says `more` instead of reading millions of rows. */
export const MAX_COUNTED = 10_000;

/** How many there are; with `more`, there are more than that. */
const count = z.object({ count: z.int().min(0), more: z.boolean() });
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
