import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import { queueDeadlineOf } from "../execution/rules.ts";
import type { JobRecord, JobState } from "./job-record.ts";
import type { Decision } from "./job-store.ts";

/** What follows for a job from how the jobs stand that it comes after. */
export type AfterVerdict = { kind: "wait" } | { kind: "go" } | { kind: "skip"; message: string };

/** Skips as soon as one condition can no longer come true, goes when all have. Pure. */
export function judgeAfter(job: JobRecord, others: ReadonlyMap<string, JobRecord>): AfterVerdict {
  let waits = false;
  for (const { jobId, on } of job.manifest.after ?? []) {
    const other = others.get(jobId);
    if (!other) return { kind: "skip", message: `Job ${jobId}, which it comes after, is gone.` };
    if (!isFinal(other.status)) waits = true;
    else if (on !== "any" && (on === "success") !== (other.status === "SUCCESS")) {
      const message = `It comes after the ${on} of job ${jobId}, which ended as ${other.status}.`;
      return { kind: "skip", message };
    }
  }
  return { kind: waits ? "wait" : "go" };
}

/** The job need wait for no other any more; where it has a group, it waits for its turn there. */
export function releaseHeld(state: JobState | undefined, nowMs: number): Decision<JobRecord | undefined> {
  if (state?.job.hold !== "after" || isFinal(state.job.status)) return { result: undefined };
  const { manifest, notBeforeMs } = state.job;
  const job: JobRecord = {
    ...state.job,
    hold: manifest.concurrency ? "group" : undefined,
    queueDeadlineMs: queueDeadlineOf(manifest, Math.max(nowMs, notBeforeMs ?? 0)),
  };
  return { job, result: job };
}

/** The job will never run, because of how another ended. */
export function skipHeld(
  state: JobState | undefined,
  message: string,
  nowMs: number,
): Decision<JobRecord | undefined> {
  if (state?.job.hold !== "after" || isFinal(state.job.status)) return { result: undefined };
  const job: JobRecord = {
    ...state.job,
    status: "CANCELLED",
    hold: undefined,
    end: { reason: "Skipped", message },
    notBeforeMs: undefined,
    finishedAtMs: nowMs,
  };
  return { job, result: job };
}

/** What an array is, given how its jobs stand. It is over when all of them are. */
export function applyProgress(
  state: JobState | undefined,
  progress: ReadonlyMap<JobStatus, number>,
  nowMs: number,
): Decision<JobRecord | undefined> {
  const array = state?.job;
  if (array?.hold !== "array" || isFinal(array.status)) return { result: undefined };
  const count = (status: JobStatus) => progress.get(status) ?? 0;
  const total = [...progress.values()].reduce((sum, n) => sum + n, 0);
  const succeeded = count("SUCCESS");
  const ended = succeeded + count("FAILED") + count("TIMEOUT") + count("CANCELLED");
  if (ended < total) {
    const hasBegun = ended > 0 || count("RUNNING") > 0;
    if (!hasBegun || array.status === "RUNNING") return { result: undefined };
    const job: JobRecord = { ...array, status: "RUNNING", startedAtMs: nowMs };
    return { job, result: job };
  }
  const status = arrayEnd(array, succeeded === total, count("FAILED") + count("TIMEOUT") > 0);
  const message = `${succeeded} of ${total} jobs succeeded.`;
  const job: JobRecord = { ...array, status, end: { message }, finishedAtMs: nowMs };
  return { job, result: job };
}

function arrayEnd(array: JobRecord, allSucceeded: boolean, someFailed: boolean) {
  if (allSucceeded) return "SUCCESS";
  if (array.cancelRequestedAtMs !== undefined || !someFailed) return "CANCELLED";
  return "FAILED";
}
