import type { Collection, Document, Filter } from "mongodb";
import type { ExecutionStatus } from "../../shared/job-state.ts";
import { ExecutionCopies } from "../job/execution-copies.mongo.ts";
import { type ExecutionDocument, type JobDocument, jobFromDocument } from "../job/job-documents.mongo.ts";
import { type ExecutionRecord, isLive } from "../job/job-record.ts";
import type { LiveCount } from "../node/live-count.ts";
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

/** What `ExecutionCopies` needs of a job, and whether it is to be cancelled. A manifest may be large. */
const RUN_OF_JOB = {
  _id: 0,
  job_id: 1,
  business_id: 1,
  user_id: 1,
  execution_id: 1,
  run: 1,
  "manifest.resources": 1,
  cancel_requested_at: 1,
};

/** The statuses that copies of such executions may have: they learn of a start late. */
function storedStatuses(wanted: readonly ExecutionStatus[]): ExecutionStatus[] {
  const isLiveWanted = wanted.some((status) => isLive({ status }));
  return isLiveWanted ? [...new Set<ExecutionStatus>([...wanted, "ASSIGNED", "RUNNING"])] : [...wanted];
}

export class MongoExecutionStore implements ExecutionStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly nodes: Collection<NodeDocument>;
  private readonly copies: ExecutionCopies;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    // Copies are not on a majority at once, but the server that changed an execution must find it changed.
    this.executions = store.preparing("compute_executions");
    this.nodes = store.collection("compute_nodes");
    this.copies = new ExecutionCopies(store);
  }

  find(businessId: string, executionId: string): Promise<ExecutionRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.executions.find({ id: executionId, business_id: businessId }).toArray();
      return (await this.upToDate(found))[0];
    });
  }

  findOfNode(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]> {
    return this.store.attempt(async () => {
      const found = await this.executions.find({ id: { $in: [...executionIds] }, node_id: nodeId }).toArray();
      const jobs = await this.jobsOf(found);
      const executions = await this.copies.bringUpToDate(found, jobs, this.store.clock.now());
      return executions.flatMap((execution) => {
        const job = jobs.get(execution.jobId);
        return job ? [{ job: jobFromDocument(job), execution }] : [];
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
    if (query.status) filter.status = { $in: storedStatuses(query.status) };
    const executions: ExecutionRecord[] = [];
    let before = query.beforeExecutionId;
    for (;;) {
      const behind = before === undefined ? filter : { ...filter, id: { $lt: before } };
      const limit = query.limit - executions.length;
      const page = await this.store.attempt(async () =>
        this.upToDate(await this.executions.find(behind).sort({ id: -1 }).limit(limit).toArray()),
      );
      executions.push(...page.filter(({ status }) => query.status?.includes(status) ?? true));
      before = page.at(-1)?.executionId;
      if (page.length < limit || executions.length >= query.limit) return executions;
    }
  }

  live(filter: LiveExecutionFilter): Promise<LiveExecution[]> {
    return this.store.attempt(async () => {
      const condition = await this.liveCondition(filter);
      const limit = "nodeId" in filter ? 0 : MAX_DUE;
      const found = await this.executions.find(condition).limit(limit).toArray();
      const jobs = await this.jobsOf(found, RUN_OF_JOB);
      const executions = await this.copies.bringUpToDate(found, jobs, this.store.clock.now());
      return executions.filter(isLive).map((execution) => ({
        execution,
        cancelRequested: jobs.get(execution.jobId)?.cancel_requested_at !== undefined,
      }));
    });
  }

  countLive(nodeIds: readonly string[]): Promise<Map<string, LiveCount>> {
    return this.store.attempt(async () => {
      const runs = { $cond: [{ $eq: ["$status", "RUNNING"] }, 1, 0] };
      const counted = this.executions.aggregate<LiveCount & { _id: string }>([
        { $match: { live_on: { $in: [...nodeIds] } } },
        { $group: { _id: "$live_on", live: { $sum: 1 }, running: { $sum: runs } } },
      ]);
      return new Map((await counted.toArray()).map(({ _id: nodeId, ...count }) => [nodeId, count]));
    });
  }

  bringBack(nowMs: number): Promise<number> {
    const latestMs = nowMs + CLOCK_SKEW_MS;
    return this.store.attempt(async () => {
      const copies = await this.executions.find({ live_on: { $gt: "" } }).toArray();
      const jobs = await this.jobsOf(copies, RUN_OF_JOB);
      const live = await this.copies.bringUpToDate(copies, jobs, nowMs, true);
      const found = live.filter(
        ({ assignedAtMs, startedAtMs = 0 }) => assignedAtMs > latestMs || startedAtMs > latestMs,
      );
      if (found.length === 0) return 0;
      const earlier = (time: string, since: string) => ({
        $cond: [{ $gt: [since, latestMs] }, { $subtract: [time, { $subtract: [since, nowMs] }] }, time],
      });
      const atMost = (time: string) => ({ $cond: [{ $gt: [time, latestMs] }, nowMs, time] });
      const moved = (at: string) => ({
        lease_expires_at: earlier(`$${at}lease_expires_at`, `$${at}assigned_at`),
        deadline_at: { $ifNull: [earlier(`$${at}deadline_at`, `$${at}started_at`), "$$REMOVE"] },
        assigned_at: atMost(`$${at}assigned_at`),
        started_at: { $ifNull: [atMost(`$${at}started_at`), "$$REMOVE"] },
        version: { $add: [`$${at}version`, 1] },
      });
      const ids = found.map(({ executionId }) => executionId);
      const run = Object.fromEntries(
        Object.entries(moved("run.")).map(([name, value]) => [`run.${name}`, value]),
      );
      await this.jobs.updateMany({ _id: { $in: [...jobs.keys()] }, "run.id": { $in: ids } }, [
        { $set: { ...run, version: { $add: ["$version", 1] } } },
      ]);
      const { modifiedCount } = await this.executions.updateMany({ id: { $in: ids }, live_on: { $gt: "" } }, [
        { $set: moved("") },
      ]);
      return modifiedCount;
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

  private async upToDate(found: readonly ExecutionDocument[]): Promise<ExecutionRecord[]> {
    const jobs = await this.jobsOf(
      found.filter((copy) => copy.live_on !== undefined),
      RUN_OF_JOB,
    );
    return this.copies.bringUpToDate(found, jobs, this.store.clock.now());
  }

  private async jobsOf(
    executions: readonly ExecutionDocument[],
    projection?: Document,
  ): Promise<Map<string, JobDocument>> {
    if (executions.length === 0) return new Map();
    const ids = [...new Set(executions.map((execution) => execution.job_id))];
    const found = await this.jobs.find({ _id: { $in: ids } }, { projection }).toArray();
    return new Map(found.map((job) => [job.job_id, job]));
  }
}
