import type { ExecutionEnd } from "../../shared/execution.ts";
import type { ExecutionStatus, JobStatus } from "../../shared/job-state.ts";
import type { JobManifest, Resources } from "../../shared/manifest.ts";

/**
 * Why a queued job is not handed out yet: jobs it comes after are not over; its concurrency group is full; it is an
 * array, which is no work itself but stands for its jobs.
 */
export type JobGate = "after" | "group" | "array";

/** A job as the server keeps it. Times are epoch milliseconds. */
export interface JobRecord {
  jobId: string;
  businessId: string;
  userId: string;
  manifest: JobManifest;
  /** What the job was made from, where it was not simply submitted. */
  templateId: string | undefined;
  scheduleId: string | undefined;
  /** The array the job belongs to. */
  arrayId: string | undefined;
  gate: JobGate | undefined;
  /** Jobs with the same requirements share it; see `queueKeyOf`. */
  queueKey: string;
  status: JobStatus;
  attempt: number;
  /** Tries again so far: after failures of its own, and after nodes that were lost. */
  retryCount: number;
  lostCount: number;
  /** How often its agent died under it; see `MAX_AGENT_DEATHS`. */
  agentDeaths: number;
  executionId: string | undefined;
  nodeId: string | undefined;
  /** How the last attempt ended. */
  end: ExecutionEnd | undefined;
  cancelRequestedAtMs: number | undefined;
  createdAtMs: number;
  /** Only while QUEUED: not to be handed out before the store's `promoteDue` has cleared it. */
  notBeforeMs: number | undefined;
  /** Only while QUEUED with a queueTtlSeconds: it ends then if it is still waiting. */
  queueDeadlineMs: number | undefined;
  assignedAtMs: number | undefined;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
}

/** One attempt of a job on one node, as the server keeps it. */
export interface ExecutionRecord {
  executionId: string;
  jobId: string;
  businessId: string;
  /** Who submitted the job. */
  userId: string;
  nodeId: string;
  attempt: number;
  status: ExecutionStatus;
  resources: Resources;
  gpuIndexes: number[];
  /** ASSIGNED must have become RUNNING by then. */
  leaseExpiresAtMs: number;
  /** RUNNING must have ended by then, plus what the agent needs to end it; undefined: no limit. */
  deadlineAtMs: number | undefined;
  end: ExecutionEnd | undefined;
  assignedAtMs: number;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
}

export function isLive(execution: ExecutionRecord): boolean {
  return execution.status === "ASSIGNED" || execution.status === "RUNNING";
}

/** A job and one of its executions: the current one, or the one that was asked for. */
export interface JobState {
  job: JobRecord;
  execution: ExecutionRecord | undefined;
}

/** The execution is the one that decides the job's fate, and it has not ended. */
export function isCurrent(state: JobState): state is { job: JobRecord; execution: ExecutionRecord } {
  return (
    state.execution !== undefined &&
    state.execution.executionId === state.job.executionId &&
    isLive(state.execution)
  );
}
