import { jobType } from "../../shared/job-fields.ts";
import { isFinal, nextArrayStatus } from "../../shared/job-state.ts";
import { judgeAfter } from "./flow-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { retried, withoutAttempt } from "./job-rules.ts";

/**
 * How a retry treats a job that comes after others. `by-hand`: somebody named this one job, so it runs now, unless a job
 * that it comes after is not over. `in-set`: it is one of many that are retried together, so its conditions count.
 * `behind`: it was skipped, and comes back to wait for the jobs that are retried.
 */
export type RetryOrder = "by-hand" | "in-set" | "behind";

/**
 * Queues a job again for a retry. Undefined if it is not over, or if its conditions keep it from running. Pure.
 * @param others the jobs it comes after, as they are now.
 * @param rerunOf for a job that somebody named: see `JobRecord.rerunOf`.
 */
export function queuedAgain(
  job: JobRecord,
  order: RetryOrder,
  others: ReadonlyMap<string, JobRecord>,
  nowMs: number,
  rerunOf?: string,
): JobRecord | undefined {
  // A job of an older release whose type nothing can run today would wait forever.
  if (!isFinal(job.status) || !jobType.safeParse(job.manifest.type).success) return undefined;
  if (order === "behind") return retried(job, nowMs, true);
  if (order === "in-set") {
    // A job that is gone had ended. If this job was not skipped then, its condition was met.
    const after = job.manifest.after?.filter(({ jobId }) => others.has(jobId));
    const isSkipped = job.end?.reason === "Skipped";
    const verdict = judgeAfter(isSkipped ? job : { ...job, manifest: { ...job.manifest, after } }, others);
    return verdict.kind === "skip" ? undefined : retried(job, nowMs, verdict.kind === "wait");
  }
  const waits = (job.manifest.after ?? []).some(({ jobId }) => {
    const other = others.get(jobId);
    return other !== undefined && !isFinal(other.status);
  });
  return retried(job, nowMs, waits, rerunOf);
}

/** A queued job that was let go waits again, because a job it comes after is no longer over. Undefined: unchanged. Pure. */
export function heldAgain(job: JobRecord): JobRecord | undefined {
  if (job.status !== "QUEUED" || job.gate === "after" || job.gate === "array") return undefined;
  return { ...job, gate: "after", queueDeadlineMs: undefined };
}

/**
 * Reopens an array whose jobs are queued again. An array that is not over is returned unchanged; writing it keeps a server
 * that is about to end it from doing so. Pure.
 */
export function reopened(array: JobRecord): JobRecord {
  if (!isFinal(array.status)) return array;
  return {
    ...withoutAttempt(array),
    status: nextArrayStatus(array.status, "reopen"),
    gate: "array",
    end: undefined,
    cancelRequestedAtMs: undefined,
  };
}
