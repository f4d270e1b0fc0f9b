import type { JobManifest } from "../../shared/manifest.ts";
import type { ExecutionRecord } from "../job/job-record.ts";

/** Credit is set aside for at most this long at a time: a job without a time limit must not take everything. */
const WINDOW_MS = 3_600_000;
/** More is set aside this long before the credit of a running job runs out: ten ticks of the metering task. */
export const EXTEND_AHEAD_MS = 300_000;
const NO_LIMIT_MS = Number.MAX_SAFE_INTEGER;

/** How long the first reservation covers, and how long the job can run at all: its time limit and its grace. */
export function coverOf({ timeoutSeconds, graceSeconds }: JobManifest): {
  coverMs: number;
  maxCoverMs: number;
} {
  const maxCoverMs =
    timeoutSeconds === undefined ? NO_LIMIT_MS : Math.ceil((timeoutSeconds + graceSeconds) * 1_000);
  return { coverMs: Math.min(maxCoverMs, WINDOW_MS), maxCoverMs };
}

/** How long a job that has run for `runMs` is covered after the next extension. */
export function extensionOf(runMs: number): number {
  return Math.max(0, runMs) + WINDOW_MS;
}

/** The time that is charged: from the start of the command to its end; 0 if it never started. */
export function runMsOf({ startedAtMs, finishedAtMs }: ExecutionRecord): number {
  return startedAtMs === undefined || finishedAtMs === undefined
    ? 0
    : Math.max(0, finishedAtMs - startedAtMs);
}
