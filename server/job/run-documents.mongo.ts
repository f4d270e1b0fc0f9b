import { setAndUnset } from "../store/mongo.ts";
import type { ExecutionDocument, JobDocument } from "./job-documents.mongo.ts";
import { type ExecutionRecord, isLive } from "./job-record.ts";

/**
 * The current or last execution of a job, in the job's own document. So what changes about both is one write of one
 * document. The rest of the execution is in the job's other fields. `version` is raised by every change; the document in
 * `compute_executions` has the version that it was copied from.
 */
export type RunFields = Omit<
  ExecutionDocument,
  "job_id" | "business_id" | "user_id" | "resources" | "live_on"
>;

/** An execution with the version of what is stored. */
export interface Run {
  execution: ExecutionRecord;
  version: number;
}

export function runFields({ execution, version }: Run): RunFields {
  const { job_id, business_id, user_id, resources, live_on, ...fields } = executionDocument(execution);
  return { ...fields, version };
}

/**
 * The run of a job. Undefined if the job has none, or if an execution that was created before jobs had runs is newer; then
 * `compute_executions` has it.
 */
export function runOf(job: JobDocument): Run | undefined {
  const { run } = job;
  if (!run || (job.execution_id !== undefined && job.execution_id !== run.id)) return undefined;
  const { job_id, business_id, user_id, manifest } = job;
  const document = { ...run, job_id, business_id, user_id, resources: manifest.resources };
  return { execution: executionFromDocument(document), version: run.version };
}

export function executionDocument(execution: ExecutionRecord): ExecutionDocument {
  return {
    id: execution.executionId,
    job_id: execution.jobId,
    business_id: execution.businessId,
    user_id: execution.userId,
    node_id: execution.nodeId,
    attempt: execution.attempt,
    resources: execution.resources,
    gpu_indexes: execution.gpuIndexes,
    assigned_at: execution.assignedAtMs,
    version: 1,
    ...changingExecutionFields(execution),
  };
}

/** Brings the document of an execution up to this version of its run. */
export function executionUpdate({ execution, version }: Run) {
  return setAndUnset({ ...changingExecutionFields(execution), version });
}

function changingExecutionFields(execution: ExecutionRecord) {
  return {
    status: execution.status,
    ending: execution.end,
    lease_expires_at: execution.leaseExpiresAtMs,
    deadline_at: execution.deadlineAtMs,
    started_at: execution.startedAtMs,
    finished_at: execution.finishedAtMs,
    live_on: isLive(execution) ? execution.nodeId : undefined,
  };
}

export function executionFromDocument(document: ExecutionDocument): ExecutionRecord {
  return {
    executionId: document.id,
    jobId: document.job_id,
    businessId: document.business_id,
    userId: document.user_id,
    nodeId: document.node_id,
    attempt: document.attempt,
    status: document.status,
    resources: document.resources,
    gpuIndexes: document.gpu_indexes,
    leaseExpiresAtMs: document.lease_expires_at,
    deadlineAtMs: document.deadline_at,
    end: document.ending,
    assignedAtMs: document.assigned_at,
    startedAtMs: document.started_at,
    finishedAtMs: document.finished_at,
  };
}
