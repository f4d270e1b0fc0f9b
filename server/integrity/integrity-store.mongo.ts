import type { Collection, Document } from "mongodb";
import type { LedgerDocument } from "../credit/credit-documents.mongo.ts";
import { MAX_CLAIM_MS } from "../job/execution-copies.mongo.ts";
import type { ExecutionDocument, JobDocument } from "../job/job-documents.mongo.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { RunDocument } from "../workflow/run-store.mongo.ts";
import type { Fault, IntegrityStore, StoreCounts } from "./integrity-store.ts";

const LIVE = ["ASSIGNED", "RUNNING"];
/** The index that contains only live executions. */
const BY_LIVE = { live_on: 1 };

/**
 * Live executions, except those whose job already knows better, and those whose claim is on its way: both are put right by
 * those who read live executions.
 */
const REALLY_LIVE: Document[] = [
  { $match: { live_on: { $exists: true } } },
  { $lookup: { from: "compute_jobs", localField: "job_id", foreignField: "_id", as: "jobs" } },
  { $set: { run: { $first: "$jobs.run" }, isNamed: { $eq: [{ $first: "$jobs.run.id" }, "$id"] } } },
  {
    $match: {
      $expr: {
        $not: [
          {
            $cond: [
              "$isNamed",
              { $gt: ["$run.version", "$version"] },
              { $gt: ["$assigned_at", { $subtract: [{ $toLong: "$$NOW" }, MAX_CLAIM_MS] }] },
            ],
          },
        ],
      },
    },
  },
];

interface JobAndExecution {
  job_id: string;
  status: string;
  execution_id?: string;
  executions: { status: string }[];
}
interface ExecutionAndJob {
  id: string;
  job_id: string;
  status: string;
  jobs: { status: string; execution_id?: string }[];
}

/** Limit for one check, which reads everything. */
const CHECK_MS = 600_000;

/** Each check is one aggregation in a transaction, so it sees a concurrent change of another server fully or not at all. */
export class MongoIntegrityStore implements IntegrityStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly ledger: Collection<LedgerDocument>;
  private readonly runs: Collection<RunDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.ledger = store.collection("compute_credit_ledger");
    this.runs = store.collection("compute_workflow_runs");
  }

  counts(): Promise<StoreCounts> {
    return this.store.attempt(async () => ({
      jobs: await this.jobs.estimatedDocumentCount(),
      executions: await this.executions.estimatedDocumentCount(),
      ledgerEntries: await this.ledger.estimatedDocumentCount(),
    }));
  }

  async jobsWithoutExecution(limit: number): Promise<Fault[]> {
    const found = await this.ask<JobDocument, JobAndExecution>(
      this.jobs,
      { business_id: 1, status: 1, job_id: 1 },
      [
        { $match: { status: { $in: LIVE }, "manifest.array": { $exists: false } } },
        {
          $lookup: {
            from: "compute_executions",
            localField: "execution_id",
            foreignField: "id",
            as: "executions",
          },
        },
        { $match: { executions: { $not: { $elemMatch: { status: { $in: LIVE } } } } } },
        // A job that a server is about to hand out may have no execution yet; `releaseOrphans` takes care of those.
        { $match: { $or: [{ claim_expires_at: { $exists: false } }, { executions: { $ne: [] } }] } },
        { $limit: limit },
      ],
    );
    return found.map(({ job_id, status, execution_id, executions }) => {
      const which =
        execution_id === undefined
          ? "none"
          : `${execution_id}, which is ${executions[0]?.status ?? "missing"}`;
      return { id: job_id, detail: `it is ${status} with execution ${which}` };
    });
  }

  async executionsWithoutJob(limit: number): Promise<Fault[]> {
    const found = await this.ask<ExecutionDocument, ExecutionAndJob>(this.executions, BY_LIVE, [
      ...REALLY_LIVE,
      {
        $match: {
          $or: [
            { jobs: { $size: 0 } },
            { "jobs.status": { $nin: LIVE } },
            { $expr: { $not: { $in: ["$id", "$jobs.execution_id"] } } },
          ],
        },
      },
      { $limit: limit },
    ]);
    return found.map(({ id, job_id, status, jobs: [job] }) => {
      const which = job ? `${job.status} with execution ${job.execution_id ?? "none"}` : "missing";
      return { id, detail: `it is ${status}, but its job ${job_id} is ${which}` };
    });
  }

  async jobsLiveTwice(limit: number): Promise<Fault[]> {
    const found = await this.ask<ExecutionDocument, { _id: string; ids: string[] }>(
      this.executions,
      BY_LIVE,
      [
        ...REALLY_LIVE,
        { $group: { _id: "$job_id", ids: { $push: "$id" } } },
        { $match: { "ids.1": { $exists: true } } },
        { $limit: limit },
      ],
    );
    return found.map(({ _id, ids }) => ({
      id: _id,
      detail: `it has ${ids.length} live executions: ${ids.join(", ")}`,
    }));
  }

  async settledButLive(limit: number): Promise<Fault[]> {
    const found = await this.ask<ExecutionDocument, ExecutionDocument & { settled: LedgerDocument[] }>(
      this.executions,
      BY_LIVE,
      [
        ...REALLY_LIVE,
        { $set: { settle_key: { $concat: ["settle:", "$id"] } } },
        {
          $lookup: {
            from: "compute_credit_ledger",
            let: { business: "$business_id", key: "$settle_key" },
            pipeline: [
              {
                $match: {
                  $expr: {
                    $and: [{ $eq: ["$business_id", "$$business"] }, { $eq: ["$key", "$$key"] }],
                  },
                },
              },
            ],
            as: "settled",
          },
        },
        { $match: { "settled.0": { $exists: true } } },
        { $limit: limit },
      ],
    );
    return found.map(({ id, status, settled: [entry] }) => ({
      id,
      detail: `it is ${status}, but was settled with ${entry?.entry_id}`,
    }));
  }

  async runsWithoutExecution(limit: number): Promise<Fault[]> {
    const found = await this.ask<RunDocument, RunDocument>(this.runs, { execution_id: 1 }, [
      { $project: { _id: 0, execution_id: 1, job_id: 1 } },
      {
        $lookup: {
          from: "compute_executions",
          localField: "execution_id",
          foreignField: "id",
          as: "executions",
        },
      },
      { $match: { executions: { $size: 0 } } },
      { $limit: limit },
    ]);
    return found.map(({ execution_id, job_id }) => ({ id: execution_id, detail: `it is of job ${job_id}` }));
  }

  private ask<T extends Document, Found extends Document>(
    of: Collection<T>,
    hint: Document,
    pipeline: Document[],
  ): Promise<Found[]> {
    return this.store.attempt(
      () => this.store.transaction((session) => of.aggregate<Found>(pipeline, { session, hint }).toArray()),
      CHECK_MS,
    );
  }
}
