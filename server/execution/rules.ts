import type { ExecutionEnd } from "../../shared/execution.ts";
import { executionEndEvent, finalEvent, nextExecutionStatus, nextJobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import { type Reason, reasons } from "../../shared/reasons.ts";
import { matchesEnd } from "../../shared/retry-rule.ts";
import { type ExecutionRecord, isCurrent, isLive, type JobRecord, type JobState } from "../job/job-record.ts";
import { PUT_BACK_MAX_MS, queueDeadlineOf, requeue } from "../job/job-rules.ts";
import type { Decision } from "../job/job-store.ts";
import { decideEnding, type Ending, retryDelayMs } from "../job/retry-decision.ts";

/** How long the agent gets, after timeout and grace, to end a job and report it. Then the server ends the job. */
const DEADLINE_SLACK_MS = 30_000;

/** The answer to a report. If the report was applied: also the job as it is now. */
export interface Reported {
  outcome: ReportOutcome;
  job?: JobRecord;
}

/** Decides what a report changes about an execution and its job. Pure. */
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
  if (report.status === "RETURNED") return returned(state, report, nowMs);
  const { executionId: _, status, at, ...end } = report;
  const finishedAtMs = clampTime(at, state.execution.assignedAtMs, nowMs);
  const ended = endExecution(state, status, end, finishedAtMs, nowMs);
  return { ...ended, result: { outcome: "applied", job: ended.job } };
}

/** Ends a live, current execution and decides what becomes of its job. Pure, except for the jitter of a retry. */
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
    byRetryOn: job.manifest.retryOn && matchesEnd(job.manifest.retryOn, end),
    cancelRequested: job.cancelRequestedAtMs !== undefined,
  });
  const executionStatus = nextExecutionStatus(state.execution.status, executionEndEvent[outcome]);
  const agentDeaths = job.agentDeaths + (end.reason === "AgentRestarted" ? 1 : 0);
  if (decision.retry) {
    const execution: ExecutionRecord = { ...state.execution, status: executionStatus, end, finishedAtMs };
    const notBeforeMs = nowMs + retryDelayMs(job.retryCount + job.lostCount);
    const counted = decision.lost ? { lostCount: job.lostCount + 1 } : { retryCount: job.retryCount + 1 };
    const queueDeadlineMs = queueDeadlineOf(job.manifest, notBeforeMs);
    const waiting: JobRecord = {
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
  const why = `Its agent died ${agentDeaths} times while running it, so it is not tried again.`;
  return message === undefined ? why : `${message} ${why}`;
}

/**
 * Ends an execution that its node will not end: the node or its agent is gone, or has missed the deadline. The result
 * is the job as it is then, or undefined if there was nothing to end. Pure, except for the jitter of a retry.
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

/** The time by which an assignment must have been started, epoch milliseconds. */
export function leaseOf(manifest: JobManifest, nowMs: number, leaseExpiresAtMs: number): number {
  const { startTimeoutSeconds } = manifest;
  return startTimeoutSeconds === undefined
    ? leaseExpiresAtMs
    : nowMs + Math.ceil(startTimeoutSeconds * 1_000);
}

/**
 * Extends the lease of an assignment that its node holds and has not started yet, for instance while it pulls an image.
 * A startTimeoutSeconds is the job's own limit on that and is never extended.
 */
export function renewLease(state: JobState | undefined, leaseExpiresAtMs: number): Decision<void> {
  if (!state || !isCurrent(state) || state.execution.status !== "ASSIGNED") return { result: undefined };
  if (state.job.manifest.startTimeoutSeconds !== undefined) return { result: undefined };
  return { execution: { ...state.execution, leaseExpiresAtMs }, result: undefined };
}

/** Moves the deadline of an execution whose command is over, and whose outputs are still on their way. Never to an earlier time. */
export function renewDeadline(state: JobState | undefined, deadlineAtMs: number): Decision<void> {
  if (!state || !isCurrent(state) || state.execution.status !== "RUNNING") return { result: undefined };
  const before = state.execution.deadlineAtMs;
  if (before === undefined || before >= deadlineAtMs) return { result: undefined };
  return { execution: { ...state.execution, deadlineAtMs }, result: undefined };
}

/**
 * Takes back an assignment whose lease expired before its node started it. The job goes back to the queue and loses no
 * retry. If the job has a startTimeoutSeconds, that was the lease, and the attempt has failed.
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
  const end: ExecutionEnd = { message: "The node did not start the command before its lease expired." };
  return takeBack(state, end, nowMs, {});
}

const PUT_BACK_MS = 30_000;

/**
 * Takes back an assignment that may not go to its node now; `message` says why. The job waits, longer each time, and
 * loses no retry.
 */
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

/**
 * Takes back an assignment that its node has not started and never will. The job keeps its place by age, loses no retry, and
 * its next attempt has the same number: the command and its user never see that there was another.
 */
function returned(
  state: { job: JobRecord; execution: ExecutionRecord },
  { message }: ExecutionReport,
  nowMs: number,
): Decision<Reported> {
  // A node does not return what it has started.
  if (state.execution.status !== "ASSIGNED") return { result: { outcome: "stale" } };
  const end: ExecutionEnd = { message: message ?? "The node gave it back unstarted." };
  const { execution, job } = takeBack(state, end, nowMs, { attempt: state.job.attempt - 1 });
  const result: Reported = { outcome: "applied", job };
  // Queued again as it was: that it once waited at a node is nothing anyone has to know.
  return job?.status === "QUEUED" ? { removed: state.execution, job, result } : { execution, job, result };
}

/** Ends an assignment that was not started. The job goes back to the queue, or is CANCELLED if somebody asked for that. */
function takeBack(
  { job, execution }: { job: JobRecord; execution: ExecutionRecord },
  end: ExecutionEnd,
  nowMs: number,
  waiting: Pick<Partial<JobRecord>, "end" | "notBeforeMs" | "attempt">,
): { execution: ExecutionRecord; job: JobRecord; result: JobRecord } {
  const status = nextExecutionStatus(execution.status, "cancel");
  const ended: ExecutionRecord = { ...execution, status, end, finishedAtMs: nowMs };
  const next: JobRecord =
    job.cancelRequestedAtMs === undefined
      ? { ...requeue(job, "release"), ...waiting }
      : { ...job, status: nextJobStatus(job.status, "cancel"), finishedAtMs: nowMs };
  return { execution: ended, job: next, result: next };
}

/** Ends a queued job that no node took within its queueTtlSeconds. The result is the job as it is then. */
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

/**
 * Whether the report says what is already stored. A late RUNNING about an execution that was given up is no repeat: the
 * agent still runs it and must hear that it is over.
 */
function isRepeated(execution: ExecutionRecord, report: ExecutionReport): boolean {
  if (report.status === "RUNNING") {
    const { reason } = execution.end ?? {};
    const wasGivenUp = reason !== undefined && "lost" in reasons[reason];
    return execution.startedAtMs !== undefined && !wasGivenUp;
  }
  if (report.status === "RETURNED")
    return execution.status === "CANCELLED" && execution.startedAtMs === undefined;
  return execution.status === report.status && execution.end?.reason === report.reason;
}

/** The time by the agent's clock, limited to what is possible. Epoch milliseconds. */
function clampTime(at: string, earliestMs: number, latestMs: number): number {
  return Math.min(Math.max(Date.parse(at), earliestMs), latestMs);
}
