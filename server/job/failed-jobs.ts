import { ComputeError } from "../../shared/errors.ts";
import { isFinal } from "../../shared/job-state.ts";
import type { WorkflowRun } from "../../shared/workflow-run.ts";
import type { RunStore } from "../workflow/run-store.ts";
import type { JobRecord } from "./job-record.ts";
import type { RerunOf } from "./manual-retry.ts";

/**
 * Which execution the failed jobs of a workflow are taken from when only they run again. An attempt that left no run, such as
 * one whose node was lost, does not count. Throws ComputeError `invalid_request` if the job is no workflow, and `conflict` if
 * nothing failed.
 */
export async function failedJobsOf(
  job: JobRecord,
  runs: Pick<RunStore, "find"> | undefined,
): Promise<RerunOf> {
  const { jobId, manifest, status, executionId, rerunOf } = job;
  if (manifest.type !== "GITHUB_ACTION") {
    const message = `only a workflow has jobs that can run again by themselves; this job is of type ${manifest.type}`;
    throw new ComputeError(
      "invalid_request",
      `Job ${jobId} cannot be run again like this: failed: ${message}.`,
      {
        errors: [{ path: "failed", message }],
      },
    );
  }
  if (manifest.array !== undefined) return (member) => member.executionId;
  // A job that is not over is refused later, with the reason.
  if (!isFinal(status)) return () => undefined;
  for (const execution of [executionId, rerunOf]) {
    const found = execution === undefined ? undefined : await runs?.find(execution);
    if (!found || found.run.jobs.length === 0) continue;
    if (!hasFailed(found.run)) throw nothingFailed(jobId);
    return () => execution;
  }
  const why = "none of its jobs has run, so there is nothing to keep. Retry the whole job";
  throw new ComputeError("conflict", `Job ${jobId} is ${status}, and ${why}.`);
}

function hasFailed({ conclusion, jobs }: WorkflowRun): boolean {
  return (
    conclusion !== "success" ||
    jobs.some((one) => one.conclusion !== "success" && one.conclusion !== "skipped" && !one.continueOnError)
  );
}

function nothingFailed(jobId: string): ComputeError {
  return new ComputeError(
    "conflict",
    `None of the jobs of workflow ${jobId} failed, so there is nothing to run again. Retry the whole job to run all of them.`,
  );
}
