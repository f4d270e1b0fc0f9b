import type { ExecutionEnd } from "../../shared/execution.ts";
import type { Resources } from "../../shared/job-fields.ts";
import type { ExecutionStatus, JobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";

/**
 * Why a queued job is not handed out. `after`: jobs it comes after are not over. `group`: its concurrency group is full.
 * `array`: it is an array, which never runs; only its jobs do.
 */
export type JobGate = "after" | "group" | "array";

/** A job as the server keeps it. Times are epoch milliseconds. */
export interface JobRecord {
  jobId: string;
  businessId: string;
  userId: string;
  manifest: JobManifest;
  /** The template or schedule that the job was made from, if any. */
  templateId: string | undefined;
  scheduleId: string | undefined;
  /** The API key that the job was made with, directly or through a schedule that was made with it. */
  apiKeyId: string | undefined;
  /** The array the job belongs to. */
  arrayId: string | undefined;
  gate: JobGate | undefined;
  /** The same for all jobs of a user with the same requirements; see `queueKeyOf`. */
  queueKey: string;
  status: JobStatus;
  attempt: number;
  /** Retries so far: after the job's own failures, and after lost nodes. */
  retryCount: number;
  lostCount: number;
  /** How many agents have died while running it; see `MAX_AGENT_DEATHS`. */
  agentDeaths: number;
  /** The execution of a workflow of which only the failed jobs run again; undefined: all of them run. */
  rerunOf: string | undefined;
  executionId: string | undefined;
  nodeId: string | undefined;
  /** How the last attempt ended. */
  end: ExecutionEnd | undefined;
  cancelRequestedAtMs: number | undefined;
  createdAtMs: number;
  /** Only while QUEUED: the job is not handed out before this time, when the store's `promoteDue` clears it. */
  notBeforeMs: number | undefined;
  /** Only while QUEUED with a queueTtlSeconds: if the job still waits at this time, it expires. */
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
  /** RUNNING must have ended by then. Includes the time the agent needs to end it. Undefined: no limit. */
  deadlineAtMs: number | undefined;
  end: ExecutionEnd | undefined;
  assignedAtMs: number;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
}

export function isLive({ status }: Pick<ExecutionRecord, "status">): boolean {
  return status === "ASSIGNED" || status === "RUNNING";
}

/** A job and one of its executions: the current one, or the one that was asked for. */
export interface JobState {
  job: JobRecord;
  execution: ExecutionRecord | undefined;
}

/** Whether the execution is the job's current one and has not ended. Only then may it change the job. */
export function isCurrent(state: JobState): state is { job: JobRecord; execution: ExecutionRecord } {
  return (
    state.execution !== undefined &&
    state.execution.executionId === state.job.executionId &&
    isLive(state.execution)
  );
}
