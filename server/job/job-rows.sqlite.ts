import { isFinal } from "../../shared/job-state.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import type { ExecutionRecord, JobRecord } from "./job-record.ts";

/** A job is claimable. Queries must use this condition literally, so that SQLite uses the index of the queue. */
export const CLAIMABLE = "status = 'QUEUED' AND not_before IS NULL AND hold IS NULL";

/** A job is not over. SQLite uses its partial indexes only if a query says it in these words. */
export const OPEN = "status IN ('QUEUED', 'ASSIGNED', 'RUNNING')";

/** A job that counts for the limits of the key it was made with. Queries must use this condition literally. */
export const OPEN_WITH_KEY = `api_key_id IS NOT NULL AND hold IS NOT 'array' AND ${OPEN}`;

/** A row of `compute_jobs`. */
export interface JobRow {
  job_id: string;
  business_id: string;
  user_id: string;
  template_id: string | null;
  schedule_id: string | null;
  api_key_id: string | null;
  array_id: string | null;
  hold: string | null;
  manifest: string;
  queue_key: string;
  status: string;
  attempt: number;
  retry_count: number;
  lost_count: number;
  agent_deaths: number;
  rerun_of: string | null;
  execution_id: string | null;
  node_id: string | null;
  ending: string | null;
  cancel_requested_at: number | null;
  created_at: number;
  not_before: number | null;
  queue_deadline: number | null;
  assigned_at: number | null;
  started_at: number | null;
  finished_at: number | null;
}

/** A row of `compute_executions`. */
export interface ExecutionRow {
  execution_id: string;
  job_id: string;
  business_id: string;
  user_id: string;
  node_id: string;
  attempt: number;
  status: string;
  resources: string;
  gpu_indexes: string;
  lease_expires_at: number;
  deadline_at: number | null;
  ending: string | null;
  assigned_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export function jobFromRow(row: JobRow): JobRecord {
  return {
    jobId: row.job_id,
    businessId: row.business_id,
    userId: row.user_id,
    templateId: row.template_id ?? undefined,
    scheduleId: row.schedule_id ?? undefined,
    apiKeyId: row.api_key_id ?? undefined,
    arrayId: row.array_id ?? undefined,
    gate: (row.hold as JobRecord["gate"]) ?? undefined,
    manifest: JSON.parse(row.manifest),
    queueKey: row.queue_key,
    status: row.status as JobRecord["status"],
    attempt: row.attempt,
    retryCount: row.retry_count,
    lostCount: row.lost_count,
    agentDeaths: row.agent_deaths,
    rerunOf: row.rerun_of ?? undefined,
    executionId: row.execution_id ?? undefined,
    nodeId: row.node_id ?? undefined,
    end: row.ending ? JSON.parse(row.ending) : undefined,
    cancelRequestedAtMs: row.cancel_requested_at ?? undefined,
    createdAtMs: row.created_at,
    notBeforeMs: row.not_before ?? undefined,
    queueDeadlineMs: row.queue_deadline ?? undefined,
    assignedAtMs: row.assigned_at ?? undefined,
    startedAtMs: row.started_at ?? undefined,
    finishedAtMs: row.finished_at ?? undefined,
  };
}

export function executionFromRow(row: ExecutionRow): ExecutionRecord {
  return {
    executionId: row.execution_id,
    jobId: row.job_id,
    businessId: row.business_id,
    userId: row.user_id,
    nodeId: row.node_id,
    attempt: row.attempt,
    status: row.status as ExecutionRecord["status"],
    resources: JSON.parse(row.resources),
    gpuIndexes: JSON.parse(row.gpu_indexes),
    leaseExpiresAtMs: row.lease_expires_at,
    deadlineAtMs: row.deadline_at ?? undefined,
    end: row.ending ? JSON.parse(row.ending) : undefined,
    assignedAtMs: row.assigned_at,
    startedAtMs: row.started_at ?? undefined,
    finishedAtMs: row.finished_at ?? undefined,
  };
}

export function readJob(store: SqliteStore, businessId: string, jobId: string): JobRecord | undefined {
  const row = store.get<JobRow>(
    "SELECT * FROM compute_jobs WHERE job_id = $jobId AND business_id = $businessId",
    { jobId, businessId },
  );
  return row && jobFromRow(row);
}

export function readExecution(store: SqliteStore, executionId: string): ExecutionRecord | undefined {
  const row = store.get<ExecutionRow>("SELECT * FROM compute_executions WHERE execution_id = $executionId", {
    executionId,
  });
  return row && executionFromRow(row);
}

/** Writes the fields of a job that can change. Call it inside `store.write`. */
export function updateJob(store: SqliteStore, job: JobRecord): void {
  store.run(
    `UPDATE compute_jobs SET status = $status, hold = $hold, attempt = $attempt, retry_count = $retryCount,
       lost_count = $lostCount, agent_deaths = $agentDeaths, rerun_of = $rerunOf, queue_deadline = $queueDeadline,
       execution_id = $executionId, node_id = $nodeId, ending = $ending, cancel_requested_at = $cancelRequestedAt,
       not_before = $notBefore, assigned_at = $assignedAt, started_at = $startedAt, finished_at = $finishedAt
     WHERE job_id = $jobId`,
    {
      jobId: job.jobId,
      status: job.status,
      hold: isFinal(job.status) ? null : (job.gate ?? null),
      attempt: job.attempt,
      retryCount: job.retryCount,
      lostCount: job.lostCount,
      agentDeaths: job.agentDeaths,
      rerunOf: job.rerunOf ?? null,
      queueDeadline: job.queueDeadlineMs ?? null,
      executionId: job.executionId ?? null,
      nodeId: job.nodeId ?? null,
      ending: job.end ? JSON.stringify(job.end) : null,
      cancelRequestedAt: job.cancelRequestedAtMs ?? null,
      notBefore: job.notBeforeMs ?? null,
      assignedAt: job.assignedAtMs ?? null,
      startedAt: job.startedAtMs ?? null,
      finishedAt: job.finishedAtMs ?? null,
    },
  );
}

/** Writes the fields of an execution that can change. Call it inside `store.write`. */
export function updateExecution(store: SqliteStore, execution: ExecutionRecord): void {
  store.run(
    `UPDATE compute_executions SET status = $status, ending = $ending, deadline_at = $deadlineAt,
       lease_expires_at = $leaseExpiresAt, started_at = $startedAt, finished_at = $finishedAt
     WHERE execution_id = $executionId`,
    {
      executionId: execution.executionId,
      status: execution.status,
      ending: execution.end ? JSON.stringify(execution.end) : null,
      deadlineAt: execution.deadlineAtMs ?? null,
      leaseExpiresAt: execution.leaseExpiresAtMs,
      startedAt: execution.startedAtMs ?? null,
      finishedAt: execution.finishedAtMs ?? null,
    },
  );
}

export function deleteExecution(
  store: SqliteStore,
  { executionId }: Pick<ExecutionRecord, "executionId">,
): void {
  store.run("DELETE FROM compute_executions WHERE execution_id = $executionId", { executionId });
}
