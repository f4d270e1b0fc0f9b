import type { Execution } from "../../shared/execution.ts";
import type { Job } from "../../shared/job.ts";
import type { FinalJobStatus } from "../../shared/job-state.ts";

/** After this many dead agents a job is not tried again. */
const MAX_AGENT_DEATHS = 3;

export type ReplayedJob = Pick<
  Job,
  "jobId" | "status" | "reason" | "maxRetries" | "retryCount" | "lostCount" | "cancelRequestedAt"
>;
export type ReplayedExecution = Pick<
  Execution,
  "executionId" | "attempt" | "status" | "reason" | "startedAt" | "finishedAt"
>;

/**
 * Goes through the executions of a job, the oldest first, and says which rules of retries, results and fencing they break.
 * Written from the guides, not from the server's code.
 */
export function faultsOf(job: ReplayedJob, executions: readonly ReplayedExecution[]): string[] {
  const faults: string[] = [];
  // Whether it was rightly skipped depends on other jobs.
  if (job.reason === "Skipped" && executions.length === 0) return faults;
  const isAsked = job.cancelRequestedAt !== undefined;
  const used = { retries: 0, lost: 0, deaths: 0 };
  /** The statuses that the job may have after the executions so far; `again`: another execution may follow. */
  let allowed: { final: FinalJobStatus[]; again: boolean } = { final: [], again: true };
  let before: ReplayedExecution | undefined;
  for (const execution of executions) {
    const { executionId, finishedAt, startedAt } = execution;
    if (!allowed.again) faults.push(`${executionId} was assigned although the job was over`);
    if (finishedAt === undefined) faults.push(`${executionId} is ${execution.status}, and its job is over`);
    if (startedAt !== undefined && before?.finishedAt !== undefined && startedAt < before.finishedAt)
      faults.push(`${executionId} started before ${before.executionId} ended`);
    allowed = after(execution, job.maxRetries, isAsked, used);
    before = execution;
  }
  if (isAsked && allowed.again) allowed.final.push("CANCELLED");
  if (!allowed.final.some((status) => status === job.status)) {
    const wanted = allowed.final.join(" or ") || "another attempt";
    faults.push(`it is ${job.status} after ${inWords(executions)}, and should have ended with ${wanted}`);
  }
  if (job.retryCount !== Math.min(used.retries, job.maxRetries) && !isAsked)
    faults.push(`it counts ${job.retryCount} retries after ${inWords(executions)}`);
  return faults;
}

function after(
  { status, reason, startedAt }: ReplayedExecution,
  maxRetries: number,
  isAsked: boolean,
  used: { retries: number; lost: number; deaths: number },
): { final: FinalJobStatus[]; again: boolean } {
  if (status === "SUCCEEDED") return { final: ["SUCCESS"], again: false };
  if (status === "CANCELLED") {
    // Without a cancel it is an assignment that was taken back before it started.
    if (!isAsked) return { final: [], again: startedAt === undefined };
    return { final: ["CANCELLED"], again: startedAt === undefined };
  }
  const isLost = reason !== undefined;
  if (reason === "AgentRestarted") used.deaths++;
  const mayRetry = (isLost ? used.lost : used.retries) < maxRetries && used.deaths < MAX_AGENT_DEATHS;
  if (isLost) used.lost++;
  else used.retries++;
  const asAsked: FinalJobStatus[] = isAsked ? [isLost ? "CANCELLED" : "FAILED"] : [];
  return mayRetry ? { final: asAsked, again: true } : { final: ["FAILED", ...asAsked], again: false };
}

function inWords(executions: readonly ReplayedExecution[]): string {
  if (executions.length === 0) return "no execution";
  return executions
    .map(({ status, reason, startedAt }) => {
      const why = reason ? ` (${reason})` : "";
      return `${status}${why}${startedAt === undefined ? ", never started" : ""}`;
    })
    .join("; ");
}
