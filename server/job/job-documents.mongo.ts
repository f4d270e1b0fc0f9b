import type { ExecutionEnd } from "../../shared/execution.ts";
import type { Resources } from "../../shared/job-fields.ts";
import { isFinal } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { setAndUnset } from "../store/mongo.ts";
import type { ExecutionRecord, JobRecord } from "./job-record.ts";
import { inputIdsOf } from "./job-sources.ts";
import { labelPairs } from "./label-pairs.ts";
import type { RunFields } from "./run-documents.mongo.ts";

/** A document of `compute_jobs`. */
export interface JobDocument {
  /** The same as `job_id`, so that no second unique index is needed: each costs a batch a tenth. */
  _id: string;
  job_id: string;
  business_id: string;
  user_id: string;
  template_id?: string;
  schedule_id?: string;
  api_key_id?: string;
  /** The same, only while the job counts for the limits of the key: it is not over, and no array. */
  open_key?: string;
  array_id?: string;
  /** The gate, only while the job is not over. */
  hold?: JobRecord["gate"];
  /** The jobs it comes after, only while it waits for them. */
  after_ids?: string[];
  /** Its concurrency group as `groupOf` names it, only while the job is not over. */
  open_group?: string;
  name?: string;
  /** As `key=value`, because a key may contain dots. */
  labels?: string[];
  manifest: JobManifest;
  /** The artifacts and jobs whose files it takes; absent if there are none. */
  input_ids?: string[];
  queue_key: string;
  priority: number;
  status: JobRecord["status"];
  attempt: number;
  retry_count: number;
  lost_count: number;
  /** Absent from jobs that are older than this count. */
  agent_deaths?: number;
  rerun_of?: string;
  execution_id?: string;
  node_id?: string;
  ending?: ExecutionEnd;
  cancel_requested_at?: number;
  idempotency_key?: string;
  /** The key of a job whose key is behind another. Its index is not unique, and so costs a third of the other. */
  batch_key?: string;
  idempotency_hash?: string;
  created_at: number;
  not_before?: number;
  queue_deadline?: number;
  assigned_at?: number;
  started_at?: number;
  finished_at?: number;
  /** The same, only of a job that ended as FAILED or TIMEOUT. */
  failed_at?: number;
  /** Its queue as `queueOf` names it, only while it can be claimed. So the index of queues has claimable jobs only. */
  queue?: string;
  /** From a claim until its node has started the job. If the server dies before the claim is complete, it is undone then. */
  claim_expires_at?: number;
  run?: RunFields;
  /** Stamps of the last changes, so that a change that met others finds out whether it was written. */
  written_by?: string[];
  /** Raised by every change. A write names the version it was decided on. */
  version: number;
}

/**
 * A document of `compute_executions`. It is created with the claim of its job. From then on the job's run is what counts,
 * and this is a copy of it, for lists and for what is live where; `ExecutionCopies` writes it.
 */
export interface ExecutionDocument {
  id: string;
  job_id: string;
  business_id: string;
  user_id: string;
  node_id: string;
  attempt: number;
  status: ExecutionRecord["status"];
  resources: Resources;
  gpu_indexes: number[];
  lease_expires_at: number;
  deadline_at?: number;
  ending?: ExecutionEnd;
  assigned_at: number;
  started_at?: number;
  finished_at?: number;
  /** The node, only while the execution is live. */
  live_on?: string;
  /** The version of the job's run that this is a copy of. */
  version: number;
}

/** The name of a claimable job's queue. `queuesOf` is the range of all queues of a business. */
export function queueOf(businessId: string, queueKey: string): string {
  return `${businessId}/${queueKey}`;
}

export function queuesOf(businessId: string): { $gt: string; $lt: string } {
  // "0" is the character after "/".
  return { $gt: `${businessId}/`, $lt: `${businessId}0` };
}

export function queueKeyIn(queue: string): string {
  return queue.slice(queue.indexOf("/") + 1);
}

/** An update expression that puts jobs into their queues, except jobs with a gate. */
export const QUEUE_EXPRESSION = {
  $cond: [{ $ifNull: ["$hold", false] }, "$$REMOVE", { $concat: ["$business_id", "/", "$queue_key"] }],
};

/** The fields that a job loses when it is over: those of `openJobFields`. */
export const FIELDS_OF_OPEN_JOBS = ["hold", "after_ids", "open_group", "open_key"] as const;
type OpenJobFields = { [Field in (typeof FIELDS_OF_OPEN_JOBS)[number]]: JobDocument[Field] };

export function groupOf(businessId: string, group: string): string {
  return `${businessId}/${group}`;
}

export function groupKeyOf(group: string): { businessId: string; group: string } {
  const slash = group.indexOf("/");
  return { businessId: group.slice(0, slash), group: group.slice(slash + 1) };
}

export function jobDocument(job: JobRecord): JobDocument {
  const labels = labelPairs(job.manifest.labels);
  return {
    _id: job.jobId,
    job_id: job.jobId,
    business_id: job.businessId,
    user_id: job.userId,
    template_id: job.templateId,
    schedule_id: job.scheduleId,
    api_key_id: job.apiKeyId,
    array_id: job.arrayId,
    name: job.manifest.name,
    labels: labels.length > 0 ? labels : undefined,
    manifest: job.manifest,
    input_ids: job.manifest.inputs && inputIdsOf(job.manifest),
    queue_key: job.queueKey,
    priority: job.manifest.priority,
    created_at: job.createdAtMs,
    version: 1,
    ...changingJobFields(job),
  };
}

export function jobUpdate(job: JobRecord) {
  const fields: Record<string, unknown> = changingJobFields(job);
  // An unconfirmed claim stays marked, no matter what else changes about the job.
  if (job.status !== "ASSIGNED") fields.claim_expires_at = undefined;
  return { ...setAndUnset(fields), $inc: { version: 1 } };
}

/** The same with only the fields that differ, for a job that is written as it was read. */
export function jobUpdateFrom(before: JobRecord, after: JobRecord) {
  const { $set, $unset, $inc } = jobUpdate(after);
  const had: Record<string, unknown> = changingJobFields(before);
  for (const name of Object.keys($set)) if (Bun.deepEquals($set[name], had[name])) delete $set[name];
  for (const name of Object.keys($unset)) {
    if (name in had && had[name] === undefined) delete $unset[name];
  }
  return { $set, $unset, $inc };
}

export function isClaimable(job: JobRecord): boolean {
  return job.status === "QUEUED" && job.notBeforeMs === undefined && job.gate === undefined;
}

function openJobFields(job: JobRecord): OpenJobFields {
  const isOpen = !isFinal(job.status);
  const { after, concurrency } = job.manifest;
  const group = job.gate === "array" ? undefined : concurrency?.group;
  return {
    hold: isOpen ? job.gate : undefined,
    after_ids: isOpen && job.gate === "after" ? after?.map(({ jobId }) => jobId) : undefined,
    open_group: isOpen && group !== undefined ? groupOf(job.businessId, group) : undefined,
    open_key: isOpen && job.gate !== "array" ? job.apiKeyId : undefined,
  };
}

function changingJobFields(job: JobRecord) {
  return {
    status: job.status,
    ...openJobFields(job),
    attempt: job.attempt,
    retry_count: job.retryCount,
    lost_count: job.lostCount,
    agent_deaths: job.agentDeaths,
    rerun_of: job.rerunOf,
    execution_id: job.executionId,
    node_id: job.nodeId,
    ending: job.end,
    cancel_requested_at: job.cancelRequestedAtMs,
    not_before: job.notBeforeMs,
    queue_deadline: job.queueDeadlineMs,
    assigned_at: job.assignedAtMs,
    started_at: job.startedAtMs,
    finished_at: job.finishedAtMs,
    failed_at: job.status === "FAILED" || job.status === "TIMEOUT" ? job.finishedAtMs : undefined,
    queue: isClaimable(job) ? queueOf(job.businessId, job.queueKey) : undefined,
  };
}

export function jobFromDocument(document: JobDocument): JobRecord {
  return {
    jobId: document.job_id,
    businessId: document.business_id,
    userId: document.user_id,
    templateId: document.template_id,
    scheduleId: document.schedule_id,
    apiKeyId: document.api_key_id,
    arrayId: document.array_id,
    gate: document.hold,
    manifest: document.manifest,
    queueKey: document.queue_key,
    status: document.status,
    attempt: document.attempt,
    retryCount: document.retry_count,
    lostCount: document.lost_count,
    agentDeaths: document.agent_deaths ?? 0,
    rerunOf: document.rerun_of,
    executionId: document.execution_id,
    nodeId: document.node_id,
    end: document.ending,
    cancelRequestedAtMs: document.cancel_requested_at,
    createdAtMs: document.created_at,
    notBeforeMs: document.not_before,
    queueDeadlineMs: document.queue_deadline,
    assignedAtMs: document.assigned_at,
    startedAtMs: document.started_at,
    finishedAtMs: document.finished_at,
  };
}

/**
 * A claim expires after this time, when its server counts as dead. It is longer than an assignment may take, and far
 * shorter than the lease in which the node must start the job. A server that was only slow loses the claim and nothing
 * else.
 */
export const CLAIM_MS = 6_000;
