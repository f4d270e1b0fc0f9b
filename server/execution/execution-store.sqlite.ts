import type { SQLQueryBindings } from "bun:sqlite";
import { type ExecutionRecord, isLive } from "../job/job-record.ts";
import { type ExecutionRow, executionFromRow, type JobRow, jobFromRow } from "../job/job-rows.sqlite.ts";
import type { LiveCount } from "../node/live-count.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import {
  type Assigned,
  type ExecutionListQuery,
  type ExecutionStore,
  type LiveExecution,
  type LiveExecutionFilter,
  MAX_DUE,
} from "./execution-store.ts";

export const executionMigrations: Migration[] = [
  {
    id: "execution-1",
    sql: `
      CREATE TABLE compute_executions (
        execution_id TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        status TEXT NOT NULL,
        resources TEXT NOT NULL,
        gpu_indexes TEXT NOT NULL,
        lease_expires_at INTEGER NOT NULL,
        deadline_at INTEGER,
        ending TEXT,
        assigned_at INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_executions_by_job ON compute_executions (job_id, execution_id);
      CREATE INDEX compute_executions_by_node ON compute_executions (node_id, execution_id);
      CREATE INDEX compute_executions_by_age ON compute_executions (business_id, execution_id);
      CREATE INDEX compute_executions_live ON compute_executions (node_id) WHERE status IN ('ASSIGNED', 'RUNNING');
      CREATE INDEX compute_executions_shares ON compute_executions (business_id, user_id)
        WHERE status IN ('ASSIGNED', 'RUNNING');
      CREATE INDEX compute_executions_leases ON compute_executions (lease_expires_at) WHERE status = 'ASSIGNED';
      CREATE INDEX compute_executions_deadlines ON compute_executions (deadline_at)
        WHERE status = 'RUNNING' AND deadline_at IS NOT NULL;
    `,
  },
];

export class SqliteExecutionStore implements ExecutionStore {
  constructor(private readonly store: SqliteStore) {}

  async find(businessId: string, executionId: string): Promise<ExecutionRecord | undefined> {
    const row = this.store.get<ExecutionRow>(
      "SELECT * FROM compute_executions WHERE execution_id = $executionId AND business_id = $businessId",
      { executionId, businessId },
    );
    return row && executionFromRow(row);
  }

  async findOfNode(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]> {
    const rows = this.store.all<ExecutionRow>(
      `SELECT * FROM compute_executions
       WHERE execution_id IN (SELECT value FROM json_each($ids)) AND node_id = $nodeId`,
      { ids: JSON.stringify(executionIds), nodeId },
    );
    return rows.flatMap((row) => {
      const job = this.store.get<JobRow>("SELECT * FROM compute_jobs WHERE job_id = $jobId", {
        jobId: row.job_id,
      });
      return job ? [{ job: jobFromRow(job), execution: executionFromRow(row) }] : [];
    });
  }

  async list(query: ExecutionListQuery): Promise<ExecutionRecord[]> {
    const equal = { job_id: query.jobId, node_id: query.nodeId };
    // The `+` keeps SQLite from using the index by business, which would walk over every other job or node.
    const isForOneJobOrNode = query.jobId !== undefined || query.nodeId !== undefined;
    const where = [isForOneJobOrNode ? "+business_id = $businessId" : "business_id = $businessId"];
    const bindings: Record<string, SQLQueryBindings> = { businessId: query.businessId, limit: query.limit };
    for (const [column, value] of Object.entries(equal)) {
      if (value === undefined) continue;
      where.push(`${column} = $${column}`);
      bindings[column] = value;
    }
    // The index of live executions has few rows; the index by node has all that a node ever ran.
    const isLiveOfNode =
      query.nodeId !== undefined && query.status?.every((status) => isLive({ status })) === true;
    if (isLiveOfNode) where.push("status IN ('ASSIGNED', 'RUNNING')");
    if (query.status) {
      where.push("status IN (SELECT value FROM json_each($status))");
      bindings.status = JSON.stringify(query.status);
    }
    if (query.beforeExecutionId !== undefined) {
      where.push("execution_id < $before");
      bindings.before = query.beforeExecutionId;
    }
    const index = isLiveOfNode ? "INDEXED BY compute_executions_live" : "";
    const sql = `SELECT * FROM compute_executions ${index} WHERE ${where.join(" AND ")} ORDER BY execution_id DESC LIMIT $limit`;
    return this.store.all<ExecutionRow>(sql, bindings).map(executionFromRow);
  }

  async live(filter: LiveExecutionFilter): Promise<LiveExecution[]> {
    const [condition, value] = liveCondition(filter);
    const rows = this.store.all<ExecutionRow & { cancel_requested_at: number | null }>(
      `SELECT e.*, j.cancel_requested_at FROM compute_executions e JOIN compute_jobs j ON j.job_id = e.job_id
       WHERE ${condition} LIMIT +$limit`,
      { value, limit: "nodeId" in filter ? -1 : MAX_DUE },
    );
    return rows.map((row) => ({
      execution: executionFromRow(row),
      cancelRequested: row.cancel_requested_at !== null,
    }));
  }

  async countLive(nodeIds: readonly string[]): Promise<Map<string, LiveCount>> {
    const rows = this.store.all<LiveCount & { node_id: string }>(
      `SELECT node_id, count(*) AS live, sum(status = 'RUNNING') AS running FROM compute_executions
       WHERE status IN ('ASSIGNED', 'RUNNING') AND node_id IN (SELECT value FROM json_each($ids)) GROUP BY node_id`,
      { ids: JSON.stringify(nodeIds) },
    );
    return new Map(rows.map(({ node_id, ...count }) => [node_id, count]));
  }

  bringBack(nowMs: number): Promise<number> {
    return this.store.write(() => {
      const times = { now: nowMs, latest: nowMs + CLOCK_SKEW_MS };
      const live = "status IN ('ASSIGNED', 'RUNNING')";
      const assigned = this.store.run(
        `UPDATE compute_executions SET lease_expires_at = lease_expires_at - (assigned_at - $now), assigned_at = $now
         WHERE ${live} AND assigned_at > $latest`,
        times,
      );
      const started = this.store.run(
        `UPDATE compute_executions SET deadline_at = deadline_at - (started_at - $now), started_at = $now
         WHERE ${live} AND started_at > $latest`,
        times,
      );
      return assigned + started;
    });
  }

  async nextDue() {
    const lease = this.store.get<{ at: number | null }>(
      "SELECT min(lease_expires_at) AS at FROM compute_executions WHERE status = 'ASSIGNED'",
    );
    const deadline = this.store.get<{ at: number | null }>(
      "SELECT min(deadline_at) AS at FROM compute_executions WHERE status = 'RUNNING' AND deadline_at IS NOT NULL",
    );
    return { leaseAtMs: lease?.at ?? undefined, deadlineAtMs: deadline?.at ?? undefined };
  }
}

function liveCondition(filter: LiveExecutionFilter): [string, string | number] {
  if ("onOfflineNodes" in filter) {
    const offline = "e.node_id IN (SELECT node_id FROM compute_nodes WHERE offline = +$value)";
    return [`${offline} AND e.status IN ('ASSIGNED', 'RUNNING')`, 1];
  }
  if ("nodeId" in filter)
    return ["e.node_id = +$value AND e.status IN ('ASSIGNED', 'RUNNING')", filter.nodeId];
  if ("leaseExpiredBeforeMs" in filter) {
    return ["e.status = 'ASSIGNED' AND e.lease_expires_at <= +$value", filter.leaseExpiredBeforeMs];
  }
  return ["e.status = 'RUNNING' AND e.deadline_at <= +$value", filter.deadlineBeforeMs];
}
