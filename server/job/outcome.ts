import type { ExecutionEnd } from "../../shared/execution.ts";
import type { JobRecord } from "./job-record.ts";

/** A job whose outputs or results another job takes, and the attempt they come from; without `end` there is none yet. */
export interface Outcome {
  job: JobRecord;
  end?: ExecutionEnd | undefined;
}

/** How job `jobId` must have ended for the job to run. */
export function wantedEnd({ manifest }: JobRecord, jobId: string): "success" | "failure" | "any" {
  return manifest.after?.find((other) => other.jobId === jobId && other.on !== "success")?.on ?? "success";
}

/**
 * Which attempt of the source counts: its last successful one, or the last one of all for a job that also runs after a
 * failure. `earlier`: the source was queued again since it succeeded, so its executions tell. Pure.
 */
export function outcomeOf(source: JobRecord, on: "success" | "failure" | "any"): Outcome | "earlier" {
  if (source.status !== "SUCCESS" && on === "success") return "earlier";
  return { job: source, end: source.end };
}
