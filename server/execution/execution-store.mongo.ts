import type { Collection, Filter } from "mongodb";
import {
  type ExecutionDocument,
  executionFromDocument,
  type JobDocument,
  jobFromDocument,
} from "../job/job-documents.mongo.ts";
import { type ExecutionRecord, isLive } from "../job/job-record.ts";
import type { NodeDocument } from "../node/node-documents.mongo.ts";
import type { MongoStore } from "../store/mongo.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import {
  type Assigned,
  type ExecutionListQuery,
  type ExecutionStore,
  type LiveExecution,
  type LiveExecutionFilter,
  MAX_DUE,
} from "./execution-store.ts";

export class MongoExecutionStore implements ExecutionStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly nodes: Collection<NodeDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.nodes = store.collection("compute_nodes");
  }

  find(businessId: string, executionId: string): Promise<ExecutionRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.executions.findOne({ id: executionId, business_id: businessId });
      return found ? executionFromDocument(found) : undefined;
    });
  }

  findOfNode(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]> {
    return this.store.attempt(async () => {
      const found = await this.executions.find({ id: { $in: [...executionIds] }, node_id: nodeId }).toArray();
      const jobs = await this.jobsOf(found);
      return found.flatMap((document) => {
        const job = jobs.get(document.job_id);
        return job ? [{ job: jobFromDocument(job), execution: executionFromDocument(document) }] : [];
      });
    });
  }

  async list(query: ExecutionListQuery): Promise<ExecutionRecord[]> {
    const filter: Filter<ExecutionDocument> = { business_id: query.businessId };
    if (query.jobId !== undefined) filter.job_id = query.jobId;
    // The index of live executions has few documents; the index by node has all that a node ever ran.
    if (query.nodeId !== undefined && query.status?.every((status) => isLive({ status })))
      filter.live_on = query.nodeId;
    else if (query.nodeId !== undefined) filter.node_id = query.nodeId;
    if (query.status) filter.status = { $in: [...query.status] };
    if (query.beforeExecutionId !== undefined) filter.id = { $lt: query.beforeExecutionId };
    return this.store.attempt(async () => {
      const found = await this.executions.find(filter).sort({ id: -1 }).limit(query.limit).toArray();
      return found.map(executionFromDocument);
    });
  }

  live(filter: LiveExecutionFilter): Promise<LiveExecution[]> {
    return this.store.attempt(async () => {
      const condition = await this.liveCondition(filter);
      const limit = "nodeId" in filter ? 0 : MAX_DUE;
      const found = await this.executions.find(condition).limit(limit).toArray();
      const jobs = await this.jobsOf(found);
      return found.flatMap((document) => {
        const job = jobs.get(document.job_id);
        if (!job) return [];
        const cancelRequested = job.cancel_requested_at !== undefined;
        return [{ execution: executionFromDocument(document), cancelRequested }];
      });
    });
  }

  countLive(nodeIds: readonly string[]): Promise<Map<string, number>> {
    return this.store.attempt(async () => {
      const counted = this.executions.aggregate<{ _id: string; live: number }>([
        { $match: { live_on: { $in: [...nodeIds] } } },
        { $group: { _id: "$live_on", live: { $sum: 1 } } },
      ]);
      return new Map((await counted.toArray()).map(({ _id: nodeId, live }) => [nodeId, live]));
    });
  }

  bringBack(nowMs: number): Promise<number> {
    const latestMs = nowMs + CLOCK_SKEW_MS;
    const earlier = (time: string, since: string) => ({ $subtract: [time, { $subtract: [since, nowMs] }] });
    const version = { $add: ["$version", 1] };
    return this.store.attempt(async () => {
      const assigned = await this.executions.updateMany(
        { live_on: { $gt: "" }, assigned_at: { $gt: latestMs } },
        [
          { $set: { lease_expires_at: earlier("$lease_expires_at", "$assigned_at"), version } },
          { $set: { assigned_at: nowMs } },
        ],
      );
      const deadline = { $ifNull: [earlier("$deadline_at", "$started_at"), "$$REMOVE"] };
      const started = await this.executions.updateMany(
        { live_on: { $gt: "" }, started_at: { $gt: latestMs } },
        [{ $set: { deadline_at: deadline, version } }, { $set: { started_at: nowMs } }],
      );
      return assigned.modifiedCount + started.modifiedCount;
    });
  }

  nextDue(): Promise<{ leaseAtMs: number | undefined; deadlineAtMs: number | undefined }> {
    return this.store.attempt(async () => {
      const [lease, deadline, claim] = await Promise.all([
        this.executions
          .find({ status: "ASSIGNED", lease_expires_at: { $gt: 0 } })
          .sort({ lease_expires_at: 1 })
          .limit(1)
          .next(),
        this.executions
          .find({ status: "RUNNING", deadline_at: { $gt: 0 } })
          .sort({ deadline_at: 1 })
          .limit(1)
          .next(),
        this.jobs
          .find({ claim_expires_at: { $gt: 0 } })
          .sort({ claim_expires_at: 1 })
          .limit(1)
          .next(),
      ]);
      const leases = [lease?.lease_expires_at, claim?.claim_expires_at].filter((at) => at !== undefined);
      return {
        leaseAtMs: leases.length > 0 ? Math.min(...leases) : undefined,
        deadlineAtMs: deadline?.deadline_at,
      };
    });
  }

  private async liveCondition(filter: LiveExecutionFilter): Promise<Filter<ExecutionDocument>> {
    if ("nodeId" in filter) return { live_on: filter.nodeId };
    if ("leaseExpiredBeforeMs" in filter) {
      return { status: "ASSIGNED", lease_expires_at: { $lte: filter.leaseExpiredBeforeMs } };
    }
    if ("deadlineBeforeMs" in filter) {
      return { status: "RUNNING", deadline_at: { $lte: filter.deadlineBeforeMs } };
    }
    // Start from the nodes that hold something: they are fewer than the offline nodes, most of which hold nothing.
    const holding = await this.executions.distinct("live_on", { live_on: { $gt: "" } });
    const nodeIds = holding.filter((nodeId) => nodeId !== undefined);
    const offline = await this.nodes.distinct("node_id", { node_id: { $in: nodeIds }, offline: true });
    return { live_on: { $in: offline } };
  }

  private async jobsOf(executions: readonly ExecutionDocument[]): Promise<Map<string, JobDocument>> {
    if (executions.length === 0) return new Map();
    const ids = [...new Set(executions.map((execution) => execution.job_id))];
    const found = await this.jobs.find({ job_id: { $in: ids } }).toArray();
    return new Map(found.map((job) => [job.job_id, job]));
  }
}
