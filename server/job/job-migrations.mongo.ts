import type { Db } from "mongodb";
import {
  collectionStep,
  dropIndex,
  dropIndexStep,
  replaceIndexStep,
  requireFields,
} from "../store/mongo-migrations.ts";
import { type JobDocument, queueOf } from "./job-documents.mongo.ts";
import { queueKeyOf } from "./requirement.ts";

const RENEWED_BY = { job_id: 1, business_id: 1, user_id: 1, manifest: 1, queue_key: 1 } as const;
const text = { bsonType: "string" };
const number = { bsonType: "number" };
const object = { bsonType: "object" };

/** What every job has. */
const jobRules = {
  required: ["job_id", "business_id", "manifest", "queue_key", "priority", "status", "attempt", "version"],
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
};

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
    jobRules,
  ),
  // Counts the jobs of an array by status without reading them, whenever one of them ends.
  collectionStep("job-2", "compute_jobs", [
    { key: { array_id: 1, status: 1 }, partialFilterExpression: { array_id: { $exists: true } } },
  ]),
  // A key belongs to its user. The jobs of an array need none, because they are inserted with it.
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
  // What a container asks for is now part of the queue key. Jobs that shared an older key may ask for different things.
  { id: "job-4", apply: renewContainerKeys },
  collectionStep("job-5", "compute_jobs", [
    { key: { input_ids: 1 }, partialFilterExpression: { input_ids: { $exists: true } } },
  ]),
  collectionStep("job-6", "compute_jobs", [
    { key: { open_key: 1 }, partialFilterExpression: { open_key: { $exists: true } } },
  ]),
  collectionStep("job-7", "compute_key_usage", [{ key: { api_key_id: 1 }, unique: true }]),
  // Counts recent failures without reading anything else.
  collectionStep("job-8", "compute_jobs", [
    { key: { business_id: 1, failed_at: 1 }, partialFilterExpression: { failed_at: { $exists: true } } },
  ]),
  { id: "job-9", apply: markFailed },
  collectionStep("job-10", "compute_jobs", [
    {
      key: { business_id: 1, node_id: 1, job_id: 1 },
      partialFilterExpression: { node_id: { $exists: true } },
    },
    { key: { business_id: 1, user_id: 1, job_id: 1 } },
    {
      key: { business_id: 1, template_id: 1, job_id: 1 },
      partialFilterExpression: { template_id: { $exists: true } },
    },
    {
      key: { business_id: 1, schedule_id: 1, job_id: 1 },
      partialFilterExpression: { schedule_id: { $exists: true } },
    },
  ]),
  // Passes over jobs with other names without reading them.
  collectionStep("job-11", "compute_jobs", [{ key: { business_id: 1, job_id: 1, name: 1 } }]),
  // The index of the step before begins with the same keys.
  dropIndexStep("job-12", "compute_jobs", "business_id_1_job_id_1"),
  // A job is found by `_id`, which needs no index of its own.
  { id: "job-13", apply: identifyByJobId },
  collectionStep("job-14", "compute_jobs", [
    {
      key: { business_id: 1, user_id: 1, batch_key: 1 },
      partialFilterExpression: { batch_key: { $exists: true } },
    },
  ]),
];

/** How many jobs are written again in one transaction. */
const JOBS_AT_ONCE = 100;

async function markFailed(db: Db): Promise<void> {
  const failed = { status: { $in: ["FAILED", "TIMEOUT"] }, failed_at: { $exists: false } };
  // Nobody changes a job that is over, except to queue it again, which removes the field.
  await db.collection("compute_jobs").updateMany(failed, [{ $set: { failed_at: "$finished_at" } }]);
}

async function identifyByJobId(db: Db): Promise<void> {
  // Most of them before older servers are refused.
  await writeAgainByJobId(db);
  await requireFields(db, "compute_jobs", { ...jobRules, properties: { ...jobRules.properties, _id: text } });
  await writeAgainByJobId(db);
  await dropIndex(db, "compute_jobs", "job_id_1");
}

/** Writes the jobs again whose `_id` is not their `job_id`, because an `_id` cannot be changed. */
async function writeAgainByJobId(db: Db): Promise<void> {
  const jobs = db.collection("compute_jobs");
  for (let moved = JOBS_AT_ONCE; moved === JOBS_AT_ONCE; ) {
    moved = await db.client.withSession((session) =>
      session.withTransaction(async () => {
        const old = { _id: { $type: "objectId" as const } };
        const found = await jobs.find(old, { session }).sort({ _id: 1 }).limit(JOBS_AT_ONCE).toArray();
        if (found.length === 0) return 0;
        await jobs.deleteMany({ _id: { $in: found.map((job) => job._id) } }, { session });
        const again = found.map((job) => ({ ...job, _id: job.job_id }));
        await jobs.insertMany(again, { session });
        return found.length;
      }),
    );
  }
}

async function renewContainerKeys(db: Db): Promise<void> {
  const jobs = db.collection<JobDocument>("compute_jobs");
  const found = jobs.find({ "manifest.type": "DOCKER" }, { projection: RENEWED_BY });
  for await (const { job_id, business_id, user_id, manifest, queue_key } of found) {
    const key = queueKeyOf(manifest, user_id);
    if (key === queue_key) continue;
    const queue = { $cond: [{ $ifNull: ["$queue", false] }, queueOf(business_id, key), "$$REMOVE"] };
    // Raises the version, because older servers may be changing the job.
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
