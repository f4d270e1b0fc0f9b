import type { Collection, Filter } from "mongodb";
import { jobStatuses } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";
import { type ExecutionDocument, type JobDocument, queuesOf } from "../job/job-documents.mongo.ts";
import type { NodeDocument } from "../node/node-documents.mongo.ts";
import { nodeStatusOf, takesWork } from "../node/node-store.ts";
import { isContention, type MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { ExecutionSeries } from "./execution-series.ts";
import {
  type BusyBusiness,
  coarser,
  MAX_BUSY,
  MAX_QUEUED,
  MERGED_AT_ONCE,
  OLDEST_LOOKED_AT,
  type OverviewCounts,
  type OverviewQuery,
  type StatsStore,
  type SubjectTally,
} from "./stats-store.ts";
import { STEPS } from "./steps.ts";

export const statsSteps = [
  collectionStep("stats-1", "compute_tallies", [
    { key: { subject: 1, step: 1, at: 1 }, unique: true },
    { key: { step: 1, at: 1 } },
  ]),
  collectionStep("stats-2", "compute_execution_series", [
    { key: { execution_id: 1 }, unique: true },
    { key: { job_id: 1 } },
  ]),
];

interface TallyDocument {
  subject: string;
  step: number;
  at: number;
  sums?: Record<string, number>;
  peaks?: Record<string, number>;
}

interface SeriesDocument {
  execution_id: string;
  job_id: string;
  business_id: string;
  started_at: number;
  step_ms: number;
  points: Pick<ExecutionSeries, "cpu" | "memoryMb">;
}

interface NodeGroup {
  _id: Pick<NodeDocument, "offline" | "draining" | "suspended" | "access_ended" | "refusing">;
  nodes: number;
  slots: number;
}

export class MongoStatsStore implements StatsStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly nodes: Collection<NodeDocument>;
  private readonly tallies: Collection<TallyDocument>;
  private readonly series: Collection<SeriesDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.nodes = store.collection("compute_nodes");
    this.tallies = store.collection("compute_tallies");
    this.series = store.collection("compute_execution_series");
  }

  overview({ businessId, maxCount, failedSinceMs }: OverviewQuery): Promise<OverviewCounts> {
    const countJobs = (filter: Filter<JobDocument>) =>
      this.jobs.countDocuments({ business_id: businessId, ...filter }, { limit: maxCount });
    return this.store.attempt(async () => {
      const [ofStatus, failed, liveExecutions, nodes, oldestQueued] = await Promise.all([
        Promise.all(jobStatuses.map(async (status) => [status, await countJobs({ status })] as const)),
        countJobs({ failed_at: { $gte: failedSinceMs } }),
        this.executions.countDocuments(
          { business_id: businessId, user_id: { $gt: "" }, live_on: { $exists: true } },
          { limit: maxCount },
        ),
        this.nodesOf(businessId),
        this.oldestQueued(businessId),
      ]);
      const jobs = Object.fromEntries(ofStatus) as OverviewCounts["jobs"];
      return { jobs, failed, liveExecutions, ...nodes, oldestQueued };
    });
  }

  busy(): Promise<BusyBusiness[]> {
    return this.store.attempt(async () => {
      const businesses = new Map<string, BusyBusiness>();
      const live = await this.executions
        .aggregate<{ _id: string; n: number }>([
          { $match: { live_on: { $gt: "" } } },
          { $group: { _id: "$business_id", n: { $sum: 1 } } },
          { $limit: MAX_BUSY },
        ])
        .toArray();
      for (const { _id: businessId, n } of live)
        businesses.set(businessId, { businessId, running: n, queued: 0 });
      // Jumps from business to business in the index of queues, however many jobs each has.
      for (let after = ""; businesses.size < MAX_BUSY; ) {
        const next = await this.jobs.findOne(
          { queue: { $gt: after } },
          { sort: { queue: 1 }, projection: { business_id: 1 } },
        );
        if (!next) break;
        const { business_id: businessId } = next;
        const range = queuesOf(businessId);
        const queued = await this.jobs.countDocuments({ queue: range }, { limit: MAX_QUEUED });
        businesses.set(businessId, { businessId, running: businesses.get(businessId)?.running ?? 0, queued });
        after = range.$lt;
      }
      return [...businesses.values()];
    });
  }

  async add(tallies: readonly SubjectTally[]): Promise<void> {
    if (tallies.length === 0) return;
    await this.store.attempt(() => this.tallies.bulkWrite(tallies.map(additionOf), { ordered: false }));
  }

  read(subject: string, sinceSeconds: number, untilSeconds: number): Promise<SubjectTally[]> {
    const step = { $in: STEPS.map(({ seconds }) => seconds) };
    return this.store.attempt(async () => {
      const at = { $gte: sinceSeconds, $lt: untilSeconds };
      return (await this.tallies.find({ subject, step, at }).toArray()).map(tallyFromDocument);
    });
  }

  async merge(nowSeconds: number): Promise<boolean> {
    for (const [i, { seconds, keepSeconds }] of STEPS.entries()) {
      const old = { step: seconds, at: { $lt: nowSeconds - keepSeconds } };
      if (await this.store.attempt(() => this.mergeSome(old, STEPS[i + 1]?.seconds))) return true;
    }
    return false;
  }

  async putExecutions(series: readonly ExecutionSeries[]): Promise<void> {
    if (series.length === 0) return;
    await this.store.attempt(async () => {
      const ids = series.map(({ executionId }) => executionId);
      // The job may have been deleted by now.
      const known = new Set(await this.executions.distinct("id", { id: { $in: ids } }));
      const writes = series
        .filter(({ executionId }) => known.has(executionId))
        .map(({ executionId, jobId, businessId, startMs, stepMs, cpu, memoryMb }) => ({
          updateOne: {
            filter: { execution_id: executionId },
            update: {
              $set: { step_ms: stepMs, points: { cpu, memoryMb } },
              $setOnInsert: { job_id: jobId, business_id: businessId, started_at: startMs },
            },
            upsert: true,
          },
        }));
      if (writes.length > 0) await this.series.bulkWrite(writes, { ordered: false });
    });
  }

  findExecutions(executionIds: readonly string[]): Promise<ExecutionSeries[]> {
    return this.store.attempt(async () => {
      const found = await this.series.find({ execution_id: { $in: [...executionIds] } }).toArray();
      return found.map((one) => ({
        executionId: one.execution_id,
        jobId: one.job_id,
        businessId: one.business_id,
        startMs: one.started_at,
        stepMs: one.step_ms,
        ...one.points,
      }));
    });
  }

  /** Resolves with whether there was anything. If another server writes or merges the same tallies, the next call does it. */
  private async mergeSome(old: Filter<TallyDocument>, step: number | undefined): Promise<boolean> {
    try {
      return await this.store.transaction(async (session) => {
        const found = await this.tallies
          .find(old, { session })
          .sort({ step: 1, at: 1 })
          .limit(MERGED_AT_ONCE)
          .toArray();
        if (found.length === 0) return false;
        const merged = step === undefined ? [] : coarser(found.map(tallyFromDocument), step).map(additionOf);
        if (merged.length > 0) await this.tallies.bulkWrite(merged, { session });
        await this.tallies.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } }, { session });
        return true;
      });
    } catch (error) {
      if (isContention(error)) return false;
      throw error;
    }
  }

  private async nodesOf(businessId: string): Promise<Pick<OverviewCounts, "nodes" | "slots">> {
    const fields = ["offline", "draining", "suspended", "access_ended", "refusing"] as const;
    const groups = await this.nodes
      .aggregate<NodeGroup>([
        { $match: { business_id: businessId, removed_at: { $exists: false } } },
        {
          $group: {
            _id: Object.fromEntries(fields.map((field) => [field, `$${field}`])),
            nodes: { $sum: 1 },
            slots: { $sum: "$description.capacity.slots" },
          },
        },
      ])
      .toArray();
    const nodes: Record<NodeStatus, number> = { ACTIVE: 0, DRAINING: 0, SUSPENDED: 0, OFFLINE: 0 };
    let slots = 0;
    for (const { _id: group, ...sums } of groups) {
      const { offline, draining, access_ended: accessEnded, suspended = false, refusing } = group;
      const state = { offline, draining, accessEnded, condition: { suspended, refusing } };
      nodes[nodeStatusOf(state)] += sums.nodes;
      if (takesWork(state)) slots += sums.slots;
    }
    return { nodes, slots };
  }

  private async oldestQueued(businessId: string): Promise<OverviewCounts["oldestQueued"]> {
    const [found] = await this.jobs
      .aggregate<Pick<JobDocument, "job_id" | "name" | "created_at">>([
        { $match: { business_id: businessId, status: "QUEUED" } },
        { $sort: { job_id: 1 } },
        { $limit: OLDEST_LOOKED_AT },
        { $match: { queue: { $exists: true } } },
        { $limit: 1 },
        { $project: { job_id: 1, name: 1, created_at: 1 } },
      ])
      .toArray();
    return found && { jobId: found.job_id, name: found.name, createdAtMs: found.created_at };
  }
}

function additionOf({ subject, step, atSeconds, sums, peaks }: SubjectTally) {
  const at = (field: string, numbers: Record<string, number>) =>
    Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${field}.${name}`, value]));
  const update = {
    ...(Object.keys(sums).length > 0 && { $inc: at("sums", sums) }),
    ...(Object.keys(peaks).length > 0 && { $max: at("peaks", peaks) }),
  };
  return { updateOne: { filter: { subject, step, at: atSeconds }, update, upsert: true } };
}

function tallyFromDocument({ subject, step, at, sums = {}, peaks = {} }: TallyDocument): SubjectTally {
  return { subject, step, atSeconds: at, sums, peaks };
}
