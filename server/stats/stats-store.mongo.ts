import type { Collection, Filter } from "mongodb";
import { jobStatuses } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";
import type { ExecutionDocument, JobDocument } from "../job/job-documents.mongo.ts";
import type { NodeDocument } from "../node/node-documents.mongo.ts";
import { nodeStatusOf, takesWork } from "../node/node-store.ts";
import type { MongoStore } from "../store/mongo.ts";
import { OLDEST_LOOKED_AT, type OverviewCounts, type OverviewQuery, type StatsStore } from "./stats-store.ts";

interface NodeGroup {
  _id: Pick<NodeDocument, "offline" | "draining" | "suspended" | "access_ended" | "refusing">;
  nodes: number;
  slots: number;
}

export class MongoStatsStore implements StatsStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly nodes: Collection<NodeDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
    this.nodes = store.collection("compute_nodes");
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
