import { type JobStatus, jobStatuses } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";
import { nodeStatusOf, takesWork } from "../node/node-store.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import { OLDEST_LOOKED_AT, type OverviewCounts, type OverviewQuery, type StatsStore } from "./stats-store.ts";

interface NodeGroup {
  offline: number;
  draining: number;
  suspended: number;
  access_ended: number;
  refusing: string | null;
  nodes: number;
  slots: number;
}

export class SqliteStatsStore implements StatsStore {
  constructor(private readonly store: SqliteStore) {}

  async overview({ businessId, maxCount, failedSinceMs }: OverviewQuery): Promise<OverviewCounts> {
    const count = (from: string, bindings: Record<string, string | number> = {}) =>
      this.store.get<{ n: number }>(`SELECT count(*) AS n FROM (SELECT 1 FROM ${from} LIMIT $maxCount)`, {
        businessId,
        maxCount,
        ...bindings,
      })?.n ?? 0;
    const ofStatus = (status: JobStatus) =>
      count("compute_jobs WHERE business_id = $businessId AND status = $status", { status });
    return {
      jobs: Object.fromEntries(
        jobStatuses.map((status) => [status, ofStatus(status)]),
      ) as OverviewCounts["jobs"],
      failed: count(
        `compute_jobs WHERE business_id = $businessId AND finished_at >= $since AND status IN ('FAILED', 'TIMEOUT')`,
        { since: failedSinceMs },
      ),
      ...this.nodes(businessId),
      liveExecutions: count(
        "compute_executions WHERE business_id = $businessId AND status IN ('ASSIGNED', 'RUNNING')",
      ),
      oldestQueued: this.oldestQueued(businessId),
    };
  }

  private nodes(businessId: string): Pick<OverviewCounts, "nodes" | "slots"> {
    const groups = this.store.all<NodeGroup>(
      `SELECT offline, draining, suspended, access_ended, refusing, count(*) AS nodes,
         sum(json_extract(description, '$.capacity.slots')) AS slots
       FROM compute_nodes WHERE business_id = $businessId AND removed_at IS NULL
       GROUP BY offline, draining, suspended, access_ended, refusing`,
      { businessId },
    );
    const nodes: Record<NodeStatus, number> = { ACTIVE: 0, DRAINING: 0, SUSPENDED: 0, OFFLINE: 0 };
    let slots = 0;
    for (const group of groups) {
      const state = {
        offline: group.offline === 1,
        draining: group.draining === 1,
        accessEnded: group.access_ended === 1,
        condition: { suspended: group.suspended === 1, refusing: group.refusing ?? undefined },
      };
      nodes[nodeStatusOf(state)] += group.nodes;
      if (takesWork(state)) slots += group.slots;
    }
    return { nodes, slots };
  }

  private oldestQueued(businessId: string): OverviewCounts["oldestQueued"] {
    const found = this.store.get<{ job_id: string; name: string | null; created_at: number }>(
      `SELECT job_id, name, created_at FROM (
         SELECT job_id, name, created_at, hold, not_before FROM compute_jobs
         WHERE business_id = $businessId AND status = 'QUEUED' ORDER BY job_id LIMIT ${OLDEST_LOOKED_AT}
       ) WHERE hold IS NULL AND not_before IS NULL LIMIT 1`,
      { businessId },
    );
    return found && { jobId: found.job_id, name: found.name ?? undefined, createdAtMs: found.created_at };
  }
}
