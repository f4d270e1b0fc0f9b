import { isFinal, nextArrayStatus } from "../../shared/job-state.ts";
import { jobType } from "../../shared/manifest.ts";
import { judgeAfter } from "./flow-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { retried, withoutAttempt } from "./job-rules.ts";

/**
 * What a retry means for a job that comes after others. `by-hand`: one job that somebody names runs now, unless a job
 * it comes after is not over. `in-set`: of many that are retried together each keeps its place, and its conditions
 * count. `behind`: it was skipped, and comes back behind what is retried.
 */
export type RetryOrder = "by-hand" | "in-set" | "behind";

/**
 * The job when it is queued again; undefined where it is not over, or where it must not run in that order.
 * @param others the jobs it comes after, as they are now. Pure.
 */
export function queuedAgain(
  job: JobRecord,
  order: RetryOrder,
  others: ReadonlyMap<string, JobRecord>,
  nowMs: number,
): JobRecord | undefined {
  // What an older release took and nothing can run today would wait for ever.
  if (!isFinal(job.status) || !jobType.safeParse(job.manifest.type).success) return undefined;
  if (order === "behind") return retried(job, nowMs, true);
  if (order === "in-set") {
    // What is gone was over; a job that was not skipped once came after it as it should.
    const after = job.manifest.after?.filter(({ jobId }) => others.has(jobId));
    const isSkipped = job.end?.reason === "Skipped";
    const verdict = judgeAfter(isSkipped ? job : { ...job, manifest: { ...job.manifest, after } }, others);
    return verdict.kind === "skip" ? undefined : retried(job, nowMs, verdict.kind === "wait");
  }
  const waits = (job.manifest.after ?? []).some(({ jobId }) => {
    const other = others.get(jobId);
    return other !== undefined && !isFinal(other.status);
  });
  return retried(job, nowMs, waits);
}

/** A queued job that had been let go waits again: what it comes after is no longer over. Pure. */
export function heldAgain(job: JobRecord): JobRecord | undefined {
  if (job.status !== "QUEUED" || job.gate === "after" || job.gate === "array") return undefined;
  return { ...job, gate: "after", queueDeadlineMs: undefined };
}

/**
 * An array of which some jobs are queued again is not over. One that is open is returned as it is: writing it keeps
 * whoever is just about to end it from doing so. Pure.
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
