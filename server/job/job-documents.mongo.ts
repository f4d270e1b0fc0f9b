import type { Db } from "mongodb";
import type { ExecutionEnd } from "../../shared/execution.ts";
import { isFinal } from "../../shared/job-state.ts";
import type { JobManifest, Resources } from "../../shared/manifest.ts";
import { setAndUnset } from "../store/mongo.ts";
import { collectionStep, replaceIndexStep } from "../store/mongo-migrations.ts";
import { type ExecutionRecord, isLive, type JobRecord } from "./job-record.ts";
import { queueKeyOf } from "./requirement.ts";

/** A document of `compute_jobs`. */
export interface JobDocument {
  job_id: string;
  business_id: string;
  user_id: string;
  template_id?: string;
  schedule_id?: string;
  array_id?: string;
  /** Only while the job is not over. */
  hold?: JobRecord["gate"];
  /** The jobs it comes after, only while it is held back for them. */
  after_ids?: string[];
  /** `groupOf` it, only while the job is not over. */
  open_group?: string;
  name?: string;
  /** As `key=value`, since a key may hold dots. */
  labels?: string[];
  manifest: JobManifest;
  queue_key: string;
  priority: number;
  status: JobRecord["status"];
  attempt: number;
  retry_count: number;
  lost_count: number;
  /** Absent of jobs from before it was counted. */
  agent_deaths?: number;
  execution_id?: string;
  node_id?: string;
  ending?: ExecutionEnd;
  cancel_requested_at?: number;
  idempotency_key?: string;
  idempotency_hash?: string;
  created_at: number;
  not_before?: number;
  queue_deadline?: number;
  assigned_at?: number;
  started_at?: number;
  finished_at?: number;
  /** `queueOf` it, only while it can be claimed: the index of the queue holds nothing else and answers alone. */
  queue?: string;
  /** Only between a claim and the execution made for it: a server that dies between them leaves it behind. */
  claim_expires_at?: number;
  /** Which change of many at once was the last one. */
  changed_by?: string;
  /** Goes up with every change; a write names the version it was decided on. */
  version: number;
}

/** A document of `compute_executions`. */
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
  version: number;
}

const RENEWED_BY = { job_id: 1, business_id: 1, user_id: 1, manifest: 1, queue_key: 1 } as const;
const text = { bsonType: "string" };
const number = { bsonType: "number" };
const object = { bsonType: "object" };

export const jobSteps = [
  collectionStep(
    "job-1",
    "compute_jobs",
    [
      { key: { job_id: 1 }, unique: true },
      {
        key: { business_id: 1, idempotency_key: 1 },
        unique: true,
        partialFilterExpression: { idempotency_key: { $exists: true } },
      },
      { key: { queue: 1, priority: -1, job_id: 1 }, partialFilterExpression: { queue: { $exists: true } } },
      { key: { not_before: 1, business_id: 1 }, partialFilterExpression: { not_before: { $exists: true } } },
      {
        key: { queue_deadline: 1 },
        partialFilterExpression: { status: "QUEUED", queue_deadline: { $exists: true } },
      },
      { key: { hold: 1, job_id: 1 }, partialFilterExpression: { hold: { $exists: true } } },
      { key: { after_ids: 1, job_id: 1 }, partialFilterExpression: { after_ids: { $exists: true } } },
      {
        key: { open_group: 1, hold: 1, job_id: 1 },
        partialFilterExpression: { open_group: { $exists: true } },
      },
      { key: { array_id: 1, job_id: 1 }, partialFilterExpression: { array_id: { $exists: true } } },
      { key: { claim_expires_at: 1 }, partialFilterExpression: { claim_expires_at: { $exists: true } } },
      { key: { business_id: 1, job_id: 1 } },
      { key: { business_id: 1, status: 1, job_id: 1 } },
      { key: { business_id: 1, name: 1, job_id: 1 }, partialFilterExpression: { name: { $exists: true } } },
      {
        key: { business_id: 1, labels: 1, job_id: 1 },
        partialFilterExpression: { labels: { $exists: true } },
      },
    ],
    {
      required: [
        "job_id",
        "business_id",
        "manifest",
        "queue_key",
        "priority",
        "status",
        "attempt",
        "version",
      ],
      properties: {
        job_id: text,
        business_id: text,
        manifest: object,
        queue_key: text,
        priority: number,
        attempt: number,
        version: number,
        status: {
          enum: ["QUEUED", "ASSIGNED", "RUNNING", "SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"],
        },
      },
    },
  ),
  // How an array stands is asked whenever one of its jobs ends: no job need be read for it.
  collectionStep("job-2", "compute_jobs", [
    { key: { array_id: 1, status: 1 }, partialFilterExpression: { array_id: { $exists: true } } },
  ]),
  // A key is its user's; the jobs of an array, which go with it, need none.
  replaceIndexStep(
    "job-3",
    "compute_jobs",
    {
      key: { business_id: 1, user_id: 1, idempotency_key: 1 },
      unique: true,
      partialFilterExpression: { idempotency_key: { $exists: true } },
    },
    "business_id_1_idempotency_key_1",
    (db) =>
      db
        .collection("compute_jobs")
        .updateMany(
          { array_id: { $exists: true }, idempotency_key: { $exists: true } },
          { $unset: { idempotency_key: "", idempotency_hash: "" } },
        ),
  ),
  // What a container asks for has become a part of the key: jobs that shared one may ask for different things.
  { id: "job-4", apply: renewContainerKeys },
];

async function renewContainerKeys(db: Db): Promise<void> {
  const jobs = db.collection<JobDocument>("compute_jobs");
  const found = jobs.find({ "manifest.type": "DOCKER" }, { projection: RENEWED_BY });
  for await (const { job_id, business_id, user_id, manifest, queue_key } of found) {
    const key = queueKeyOf(manifest, user_id);
    if (key === queue_key) continue;
    const queue = { $cond: [{ $ifNull: ["$queue", false] }, queueOf(business_id, key), "$$REMOVE"] };
    // With the version, since older servers may be at work on it.
    await jobs.updateOne({ job_id, queue_key }, [
      { $set: { queue_key: key, queue, version: { $add: ["$version", 1] } } },
    ]);
  }
}

export const executionSteps = [
  collectionStep(
    "execution-1",
    "compute_executions",
    [
      { key: { id: 1 }, unique: true },
      { key: { job_id: 1, id: 1 } },
      { key: { node_id: 1, id: 1 } },
      { key: { business_id: 1, id: 1 } },
      { key: { live_on: 1 }, partialFilterExpression: { live_on: { $exists: true } } },
      { key: { business_id: 1, user_id: 1 }, partialFilterExpression: { live_on: { $exists: true } } },
      { key: { lease_expires_at: 1 }, partialFilterExpression: { status: "ASSIGNED" } },
      { key: { deadline_at: 1 }, partialFilterExpression: { status: "RUNNING" } },
    ],
    {
      required: [
        "id",
        "job_id",
        "business_id",
        "node_id",
        "attempt",
        "status",
        "lease_expires_at",
        "version",
      ],
      properties: {
        id: text,
        job_id: text,
        business_id: text,
        node_id: text,
        attempt: number,
        lease_expires_at: number,
        version: number,
        status: { enum: ["ASSIGNED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"] },
      },
    },
  ),
];

/** The name of the queue a claimable job stands in. All queues of a business lie between `queuesOf` it. */
function queueOf(businessId: string, queueKey: string): string {
  return `${businessId}/${queueKey}`;
}

export function queuesOf(businessId: string): { $gt: string; $lt: string } {
  // "0" is what follows "/".
  return { $gt: `${businessId}/`, $lt: `${businessId}0` };
}

export function queueKeyIn(queue: string): string {
  return queue.slice(queue.indexOf("/") + 1);
}

/** Puts jobs into their queue, in an update of many; what is held back stays out of it. */
export const QUEUE_EXPRESSION = {
  $cond: [{ $ifNull: ["$hold", false] }, "$$REMOVE", { $concat: ["$business_id", "/", "$queue_key"] }],
};

export function groupOf(businessId: string, group: string): string {
  return `${businessId}/${group}`;
}

export function groupKeyOf(group: string): { businessId: string; group: string } {
  const slash = group.indexOf("/");
  return { businessId: group.slice(0, slash), group: group.slice(slash + 1) };
}

export function labelPairs(labels: Readonly<JobManifest["labels"]>): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

export function jobDocument(job: JobRecord): JobDocument {
  const labels = labelPairs(job.manifest.labels);
  return {
    job_id: job.jobId,
    business_id: job.businessId,
    user_id: job.userId,
    template_id: job.templateId,
    schedule_id: job.scheduleId,
    array_id: job.arrayId,
    name: job.manifest.name,
    labels: labels.length > 0 ? labels : undefined,
    manifest: job.manifest,
    queue_key: job.queueKey,
    priority: job.manifest.priority,
    created_at: job.createdAtMs,
    version: 1,
    ...changingJobFields(job),
  };
}

export function jobUpdate(job: JobRecord) {
  const fields: Record<string, unknown> = changingJobFields(job);
  // A claim that is not finished stays known as one whatever else happens to the job.
  if (job.status !== "ASSIGNED") fields.claim_expires_at = undefined;
  return { ...setAndUnset(fields), $inc: { version: 1 } };
}

function changingJobFields(job: JobRecord) {
  const isClaimable = job.status === "QUEUED" && job.notBeforeMs === undefined && job.gate === undefined;
  const isOpen = !isFinal(job.status);
  const { after, concurrency } = job.manifest;
  const group = job.gate === "array" ? undefined : concurrency?.group;
  return {
    status: job.status,
    hold: isOpen ? job.gate : undefined,
    after_ids: isOpen && job.gate === "after" ? after?.map((one) => one.jobId) : undefined,
    open_group: isOpen && group !== undefined ? groupOf(job.businessId, group) : undefined,
    attempt: job.attempt,
    retry_count: job.retryCount,
    lost_count: job.lostCount,
    agent_deaths: job.agentDeaths,
    execution_id: job.executionId,
    node_id: job.nodeId,
    ending: job.end,
    cancel_requested_at: job.cancelRequestedAtMs,
    not_before: job.notBeforeMs,
    queue_deadline: job.queueDeadlineMs,
    assigned_at: job.assignedAtMs,
    started_at: job.startedAtMs,
    finished_at: job.finishedAtMs,
    queue: isClaimable ? queueOf(job.businessId, job.queueKey) : undefined,
  };
}

export function jobFromDocument(document: JobDocument): JobRecord {
  return {
    jobId: document.job_id,
    businessId: document.business_id,
    userId: document.user_id,
    templateId: document.template_id,
    scheduleId: document.schedule_id,
    arrayId: document.array_id,
    gate: document.hold,
    manifest: document.manifest,
    queueKey: document.queue_key,
    status: document.status,
    attempt: document.attempt,
    retryCount: document.retry_count,
    lostCount: document.lost_count,
    agentDeaths: document.agent_deaths ?? 0,
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

export function executionUpdate(execution: ExecutionRecord) {
  return { ...setAndUnset(changingExecutionFields(execution)), $inc: { version: 1 } };
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

/**
 * How long a claim stands before its server counts as dead: longer than the steps of an assignment may take, but far
 * less than the lease in which the node has to start the job. One that was only slow loses it, and nothing else.
 */
export const CLAIM_MS = 6_000;
