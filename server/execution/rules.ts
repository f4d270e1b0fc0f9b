import type { ExecutionEnd } from "../../shared/execution.ts";
import { executionEndEvent, finalEvent, nextExecutionStatus, nextJobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import { type Reason, reasons } from "../../shared/reasons.ts";
import { meansEnd } from "../../shared/retry-rule.ts";
import { type ExecutionRecord, isCurrent, isLive, type JobRecord, type JobState } from "../job/job-record.ts";
import { PUT_BACK_MAX_MS, queueDeadlineOf, requeue } from "../job/job-rules.ts";
import type { Decision } from "../job/job-store.ts";
import { decideEnding, type Ending, retryDelayMs } from "../job/retry-decision.ts";

/** What the agent may need beyond the timeout and the grace to end a job and report it, before the server does. */
const DEADLINE_SLACK_MS = 30_000;

/** The answer to a report, and the job as it is now where the report was applied. */
export interface Reported {
  outcome: ReportOutcome;
  job?: JobRecord;
}

/** What a report makes of an execution and its job. Pure. */
export function applyReport(
  state: JobState | undefined,
  report: ExecutionReport,
  nowMs: number,
): Decision<Reported> {
  const execution = state?.execution;
  if (!state || !execution) return { result: { outcome: "stale" } };
  if (!isLive(execution))
    return { result: { outcome: isRepeated(execution, report) ? "repeated" : "stale" } };
  if (!isCurrent(state)) return { result: { outcome: "stale" } };
  if (report.status === "RUNNING") return start(state, report, nowMs);
  const { executionId: _, status, at, ...end } = report;
  const finishedAtMs = clampTime(at, state.execution.assignedAtMs, nowMs);
  const ended = endExecution(state, status, end, finishedAtMs, nowMs);
  return { ...ended, result: { outcome: "applied", job: ended.job } };
}

/** Ends a live, current execution and decides what becomes of its job. Pure, but for the jitter of a retry. */
export function endExecution(
  state: { job: JobRecord; execution: ExecutionRecord },
  outcome: Ending["outcome"],
  end: ExecutionEnd,
  finishedAtMs: number,
  nowMs: number,
): { job: JobRecord; execution: ExecutionRecord } {
  const { job } = state;
  const decision = decideEnding({
    outcome,
    reason: end.reason,
    retryCount: job.retryCount,
    lostCount: job.lostCount,
    agentDeaths: job.agentDeaths,
    maxRetries: job.manifest.maxRetries,
    byRetryOn: job.manifest.retryOn && meansEnd(job.manifest.retryOn, end),
    cancelRequested: job.cancelRequestedAtMs !== undefined,
  });
  const executionStatus = nextExecutionStatus(state.execution.status, executionEndEvent[outcome]);
  const agentDeaths = job.agentDeaths + (end.reason === "AgentRestarted" ? 1 : 0);
  if (decision.retry) {
    const execution: ExecutionRecord = { ...state.execution, status: executionStatus, end, finishedAtMs };
    const notBeforeMs = nowMs + retryDelayMs(job.retryCount + job.lostCount);
    const counted = decision.lost ? { lostCount: job.lostCount + 1 } : { retryCount: job.retryCount + 1 };
    const queueDeadlineMs = queueDeadlineOf(job.manifest, notBeforeMs);
    const waiting = {
      ...requeue(job, "requeue"),
      ...counted,
      agentDeaths,
      end,
      notBeforeMs,
      queueDeadlineMs,
    };
    return { execution, job: waiting };
  }
  const lastEnd = decision.killsAgents ? { ...end, message: notTriedAgain(end.message, agentDeaths) } : end;
  const execution: ExecutionRecord = {
    ...state.execution,
    status: executionStatus,
    end: lastEnd,
    finishedAtMs,
  };
  const status = nextJobStatus(job.status, finalEvent[decision.status]);
  return { execution, job: { ...job, agentDeaths, status, end: lastEnd, finishedAtMs } };
}

function notTriedAgain(message: string | undefined, agentDeaths: number): string {
  const why = `Its agent died under it ${agentDeaths} times; it is not tried again.`;
  return message === undefined ? why : `${message} ${why}`;
}

/**
 * Ends an execution that its node will not end: the node or its agent is gone, or let the deadline pass. The result
 * is the job as it is then, or undefined where there was nothing to end. Pure, but for the jitter of a retry.
 */
export function giveUp(
  state: JobState | undefined,
  reason: Reason,
  message: string,
  nowMs: number,
): Decision<JobRecord | undefined> {
  if (!state || !isCurrent(state)) return { result: undefined };
  const ended = endExecution(state, "FAILED", { reason, message }, nowMs, nowMs);
  return { ...ended, result: ended.job };
}

/** When an assignment must have been started by. */
export function leaseOf(manifest: JobManifest, nowMs: number, leaseExpiresAtMs: number): number {
  const { startTimeoutSeconds } = manifest;
  return startTimeoutSeconds === undefined
    ? leaseExpiresAtMs
    : nowMs + Math.ceil(startTimeoutSeconds * 1_000);
}

/**
 * An assignment that its node holds and has not started yet, as while it pulls an image: it may take its time. A
 * startTimeoutSeconds is the job's own limit on that, and stays.
 */
export function renewLease(state: JobState | undefined, leaseExpiresAtMs: number): Decision<void> {
  if (!state || !isCurrent(state) || state.execution.status !== "ASSIGNED") return { result: undefined };
  if (state.job.manifest.startTimeoutSeconds !== undefined) return { result: undefined };
  return { execution: { ...state.execution, leaseExpiresAtMs }, result: undefined };
}

/**
 * An assignment whose lease ran out before its node started it: the job goes back to the queue and has lost nothing.
 * With a startTimeoutSeconds that was its lease, and the attempt has failed.
 */
export function releaseLease(state: JobState | undefined, nowMs: number): Decision<JobRecord | undefined> {
  if (!state || !isCurrent(state) || state.execution.status !== "ASSIGNED") return { result: undefined };
  if (state.execution.leaseExpiresAtMs > nowMs) return { result: undefined };
  const { startTimeoutSeconds } = state.job.manifest;
  if (startTimeoutSeconds !== undefined) {
    const message = `The node did not start the command within the startTimeoutSeconds of ${startTimeoutSeconds}.`;
    const ended = endExecution(state, "FAILED", { reason: "StartTimeout", message }, nowMs, nowMs);
    return { ...ended, result: ended.job };
  }
  const end: ExecutionEnd = { message: "The node did not start it within the lease of the assignment." };
  return takeBack(state, end, nowMs, {});
}

const PUT_BACK_MS = 30_000;

/** An assignment that may not go to its node now, and why: the job waits, longer each time, and has lost nothing. */
export function putBack(
  state: JobState | undefined,
  message: string,
  nowMs: number,
): Decision<JobRecord | undefined> {
  if (!state || !isCurrent(state) || state.execution.status !== "ASSIGNED") return { result: undefined };
  const end: ExecutionEnd = { message };
  const waitMs = Math.min(PUT_BACK_MAX_MS, PUT_BACK_MS * 2 ** Math.min(state.job.attempt - 1, 10));
  return takeBack(state, end, nowMs, { end, notBeforeMs: nowMs + waitMs });
}

/** Ends an assignment that was not started. The job goes back to the queue, or is cancelled if somebody asked for that. */
function takeBack(
  { job, execution }: { job: JobRecord; execution: ExecutionRecord },
  end: ExecutionEnd,
  nowMs: number,
  waiting: Pick<Partial<JobRecord>, "end" | "notBeforeMs">,
): Decision<JobRecord | undefined> {
  const status = nextExecutionStatus(execution.status, "cancel");
  const ended: ExecutionRecord = { ...execution, status, end, finishedAtMs: nowMs };
  const next: JobRecord =
    job.cancelRequestedAtMs === undefined
      ? { ...requeue(job, "release"), ...waiting }
      : { ...job, status: nextJobStatus(job.status, "cancel"), finishedAtMs: nowMs };
  return { execution: ended, job: next, result: next };
}

/** A queued job that nobody took within its queueTtlSeconds. The result is the job as it is then. */
export function expireQueued(state: JobState | undefined, nowMs: number): Decision<JobRecord | undefined> {
  const deadlineMs = state?.job.queueDeadlineMs;
  if (state?.job.status !== "QUEUED" || deadlineMs === undefined || deadlineMs > nowMs)
    return { result: undefined };
  const { queueTtlSeconds } = state.job.manifest;
  const message = `No node took the job within its queueTtlSeconds of ${queueTtlSeconds}.`;
  const job: JobRecord = {
    ...state.job,
    status: nextJobStatus(state.job.status, "expire"),
    end: { reason: "QueueExpired", message },
    notBeforeMs: undefined,
    queueDeadlineMs: undefined,
    finishedAtMs: nowMs,
  };
  return { job, result: job };
}

function start(
  state: { job: JobRecord; execution: ExecutionRecord },
  report: ExecutionReport,
  nowMs: number,
): Decision<Reported> {
  if (state.execution.status === "RUNNING") return { result: { outcome: "repeated" } };
  const startedAtMs = clampTime(report.at, state.execution.assignedAtMs, nowMs);
  const { timeoutSeconds, graceSeconds } = state.job.manifest;
  const deadlineAtMs =
    timeoutSeconds === undefined
      ? undefined
      : nowMs + Math.ceil((timeoutSeconds + graceSeconds) * 1_000) + DEADLINE_SLACK_MS;
  const job: JobRecord = { ...state.job, status: nextJobStatus(state.job.status, "start"), startedAtMs };
  return {
    execution: {
      ...state.execution,
      status: nextExecutionStatus(state.execution.status, "start"),
      startedAtMs,
      deadlineAtMs,
    },
    job,
    result: { outcome: "applied", job },
  };
}

/** A late RUNNING of an execution that has ended is not a repeat: whoever still runs it must hear that it is over. */
function isRepeated(execution: ExecutionRecord, report: ExecutionReport): boolean {
  if (report.status === "RUNNING") {
    const { reason } = execution.end ?? {};
    const wasGivenUp = reason !== undefined && "lost" in reasons[reason];
    return execution.startedAtMs !== undefined && !wasGivenUp;
  }
  return execution.status === report.status && execution.end?.reason === report.reason;
}

/** The agent's clock, as far as it can be true. */
function clampTime(at: string, earliestMs: number, latestMs: number): number {
  return Math.min(Math.max(Date.parse(at), earliestMs), latestMs);
}
