import type { JobManifest } from "../../shared/manifest.ts";
import type { ExecutionRecord } from "../job/job-record.ts";

/** Credit is set aside for at most so long at once: a job without a time limit must not take all there is. */
const WINDOW_MS = 3_600_000;
/** More is set aside for a job that runs on so long before what there is runs out; ten ticks of the task that does it. */
export const EXTEND_AHEAD_MS = 300_000;
const NO_LIMIT_MS = Number.MAX_SAFE_INTEGER;

/** For how long credit is set aside at first, and for how long at most: no job runs longer than its limit and its grace. */
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

/** What is charged: from the start of the command to its end; nothing where it never started. */
export function runMsOf({ startedAtMs, finishedAtMs }: ExecutionRecord): number {
  return startedAtMs === undefined || finishedAtMs === undefined
    ? 0
    : Math.max(0, finishedAtMs - startedAtMs);
}
