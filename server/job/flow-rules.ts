import {
  type ArrayEvent,
  isFinal,
  type JobStatus,
  nextArrayStatus,
  nextJobStatus,
} from "../../shared/job-state.ts";
import type { JobRecord, JobState } from "./job-record.ts";
import { queueDeadlineOf } from "./job-rules.ts";
import type { Decision } from "./job-store.ts";

/** What the jobs that a job comes after mean for it. */
export type AfterVerdict = { kind: "wait" } | { kind: "go" } | { kind: "skip"; message: string };

/** Ids of the jobs that this one comes after. */
export function namedBefore({ manifest }: JobRecord): string[] {
  return manifest.after?.map(({ jobId }) => jobId) ?? [];
}

/** Skips a job as soon as one condition can no longer come true; lets it go when all have come true. Pure. */
export function judgeAfter(job: JobRecord, others: ReadonlyMap<string, JobRecord>): AfterVerdict {
  let waits = false;
  for (const { jobId, on } of job.manifest.after ?? []) {
    const other = others.get(jobId);
    if (!other) return { kind: "skip", message: `Job ${jobId}, which it comes after, no longer exists.` };
    if (!isFinal(other.status)) waits = true;
    else if (on !== "any" && (on === "success") !== (other.status === "SUCCESS")) {
      const message = `It comes after the ${on} of job ${jobId}, which ended as ${other.status}.`;
      return { kind: "skip", message };
    }
  }
  return { kind: waits ? "wait" : "go" };
}

/** Opens the gate `after`: the job waits for no other job any more. If it has a group, it waits for its turn there. */
export function releaseHeld(state: JobState | undefined, nowMs: number): Decision<JobRecord | undefined> {
  if (state?.job.gate !== "after" || isFinal(state.job.status)) return { result: undefined };
  const { manifest, notBeforeMs } = state.job;
  const job: JobRecord = {
    ...state.job,
    gate: manifest.concurrency ? "group" : undefined,
    queueDeadlineMs: queueDeadlineOf(manifest, Math.max(nowMs, notBeforeMs ?? 0)),
  };
  return { job, result: job };
}

/** Cancels a job that will never run because of how another job ended. */
export function skipHeld(
  state: JobState | undefined,
  message: string,
  nowMs: number,
): Decision<JobRecord | undefined> {
  if (state?.job.gate !== "after" || isFinal(state.job.status)) return { result: undefined };
  const job: JobRecord = {
    ...state.job,
    status: nextJobStatus(state.job.status, "skip"),
    gate: undefined,
    end: { reason: "Skipped", message },
    notBeforeMs: undefined,
    finishedAtMs: nowMs,
  };
  return { job, result: job };
}

/**
 * Returns what an array becomes when its jobs are in these statuses: RUNNING once a job has begun, and over when all jobs
 * are over. Undefined if nothing changes. Pure.
 */
export function applyProgress(
  array: JobRecord,
  progress: ReadonlyMap<JobStatus, number>,
  nowMs: number,
): JobRecord | undefined {
  if (array.gate !== "array" || isFinal(array.status)) return undefined;
  const { total, ended, succeeded, failed, running } = tally(progress);
  if (total === 0) return undefined;
  if (ended < total) {
    const hasBegun = ended > 0 || running > 0;
    if (!hasBegun || array.status === "RUNNING") return undefined;
    return { ...array, status: nextArrayStatus(array.status, "begin"), startedAtMs: nowMs };
  }
  const status = nextArrayStatus(array.status, arrayEnd(array, succeeded === total, failed > 0));
  const message = `${succeeded} of ${total} jobs succeeded.`;
  return { ...array, status, end: { message }, finishedAtMs: nowMs };
}

/** Counts the jobs of an array: all, and those that ended, succeeded, failed or are running. */
export function tally(progress: ReadonlyMap<JobStatus, number>) {
  const count = (status: JobStatus) => progress.get(status) ?? 0;
  const succeeded = count("SUCCESS");
  const failed = count("FAILED") + count("TIMEOUT");
  return {
    total: [...progress.values()].reduce((sum, n) => sum + n, 0),
    ended: succeeded + failed + count("CANCELLED"),
    succeeded,
    failed,
    running: count("RUNNING"),
  };
}

function arrayEnd(array: JobRecord, allSucceeded: boolean, someFailed: boolean): ArrayEvent {
  if (allSucceeded) return "succeed";
  if (array.cancelRequestedAtMs !== undefined || !someFailed) return "cancel";
  return "fail";
}
