import { type JobStatus, jobStatuses } from "../../shared/job-state.ts";
import type { NodeStatus } from "../../shared/node.ts";
import { CLAIMABLE } from "../job/job-rows.sqlite.ts";
import { nodeStatusOf, takesWork } from "../node/node-store.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
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
import { addTally } from "./tally.ts";

export const statsMigrations: Migration[] = [
  {
    id: "stats-1",
    sql: `
      CREATE TABLE compute_tallies (
        subject TEXT NOT NULL,
        step INTEGER NOT NULL,
        at INTEGER NOT NULL,
        sums TEXT NOT NULL,
        peaks TEXT NOT NULL,
        PRIMARY KEY (subject, step, at)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_tallies_by_age ON compute_tallies (step, at);
      CREATE TABLE compute_execution_series (
        execution_id TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        step_ms INTEGER NOT NULL,
        points TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_execution_series_by_job ON compute_execution_series (job_id);
    `,
  },
];

interface TallyRow {
  subject: string;
  step: number;
  at: number;
  sums: string;
  peaks: string;
}

interface SeriesRow {
  execution_id: string;
  job_id: string;
  business_id: string;
  started_at: number;
  step_ms: number;
  points: string;
}

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

  async busy(): Promise<BusyBusiness[]> {
    const businesses = new Map<string, BusyBusiness>();
    const of = (businessId: string) => {
      const known = businesses.get(businessId) ?? { businessId, running: 0, queued: 0 };
      if (businesses.size < MAX_BUSY) businesses.set(businessId, known);
      return known;
    };
    const running = this.store.all<{ business_id: string; n: number }>(
      `SELECT business_id, count(*) AS n FROM compute_executions WHERE status IN ('ASSIGNED', 'RUNNING')
       GROUP BY business_id LIMIT ${MAX_BUSY}`,
    );
    for (const { business_id, n } of running) of(business_id).running = n;
    // Jumps from business to business in the index of queues, however many jobs each has.
    const queued = this.store.all<{ business_id: string; n: number }>(
      `WITH RECURSIVE queued(business_id) AS (
         SELECT min(business_id) FROM compute_jobs WHERE ${CLAIMABLE}
         UNION ALL
         SELECT (SELECT min(j.business_id) FROM compute_jobs j WHERE j.business_id > queued.business_id AND ${CLAIMABLE})
         FROM queued WHERE queued.business_id IS NOT NULL
       )
       SELECT business_id, (
         SELECT count(*) FROM (
           SELECT 1 FROM compute_jobs j WHERE j.business_id = queued.business_id AND ${CLAIMABLE} LIMIT ${MAX_QUEUED}
         )
       ) AS n FROM queued WHERE business_id IS NOT NULL LIMIT ${MAX_BUSY}`,
    );
    for (const { business_id, n } of queued) of(business_id).queued = n;
    return [...businesses.values()];
  }

  add(tallies: readonly SubjectTally[]): Promise<void> {
    return this.store.write(() => this.addAll(tallies));
  }

  async read(subject: string, sinceSeconds: number, untilSeconds: number): Promise<SubjectTally[]> {
    return STEPS.flatMap(({ seconds }) =>
      this.store
        .all<TallyRow>(
          `SELECT * FROM compute_tallies
           WHERE subject = $subject AND step = $step AND at >= $since AND at < $until ORDER BY at`,
          { subject, step: seconds, since: sinceSeconds, until: untilSeconds },
        )
        .map(tallyFromRow),
    );
  }

  merge(nowSeconds: number): Promise<boolean> {
    return this.store.write(() => {
      for (const [i, { seconds, keepSeconds }] of STEPS.entries()) {
        const old = this.store
          .all<TallyRow>(
            "SELECT * FROM compute_tallies WHERE step = $step AND at < $before ORDER BY at LIMIT $limit",
            {
              step: seconds,
              before: nowSeconds - keepSeconds,
              limit: MERGED_AT_ONCE,
            },
          )
          .map(tallyFromRow);
        if (old.length === 0) continue;
        const next = STEPS[i + 1];
        if (next) this.addAll(coarser(old, next.seconds));
        for (const { subject, step, atSeconds } of old) {
          this.store.run(
            "DELETE FROM compute_tallies WHERE subject = $subject AND step = $step AND at = $at",
            {
              ...{ subject, step, at: atSeconds },
            },
          );
        }
        return true;
      }
      return false;
    });
  }

  putExecutions(series: readonly ExecutionSeries[]): Promise<void> {
    return this.store.write(() => {
      for (const { executionId, jobId, businessId, startMs, stepMs, cpu, memoryMb } of series) {
        // The job may have been deleted by now.
        this.store.run(
          `INSERT INTO compute_execution_series (execution_id, job_id, business_id, started_at, step_ms, points)
           SELECT $executionId, $jobId, $businessId, $startMs, $stepMs, $points
             WHERE EXISTS (SELECT 1 FROM compute_executions WHERE execution_id = $executionId)
           ON CONFLICT (execution_id) DO UPDATE SET step_ms = excluded.step_ms, points = excluded.points`,
          { executionId, jobId, businessId, startMs, stepMs, points: JSON.stringify({ cpu, memoryMb }) },
        );
      }
    });
  }

  async findExecutions(executionIds: readonly string[]): Promise<ExecutionSeries[]> {
    return executionIds.flatMap((executionId) => {
      const row = this.store.get<SeriesRow>(
        "SELECT * FROM compute_execution_series WHERE execution_id = $executionId",
        { executionId },
      );
      if (!row) return [];
      const { job_id: jobId, business_id: businessId, started_at: startMs, step_ms: stepMs, points } = row;
      return [{ executionId, jobId, businessId, startMs, stepMs, ...JSON.parse(points) }];
    });
  }

  private addAll(tallies: readonly SubjectTally[]): void {
    for (const tally of tallies) {
      const { subject, step, atSeconds: at } = tally;
      const stored = this.store.get<TallyRow>(
        "SELECT * FROM compute_tallies WHERE subject = $subject AND step = $step AND at = $at",
        { subject, step, at },
      );
      const sum = stored ? tallyFromRow(stored) : tally;
      if (stored) addTally(sum, tally);
      this.store.run(
        "INSERT OR REPLACE INTO compute_tallies (subject, step, at, sums, peaks) VALUES ($subject, $step, $at, $sums, $peaks)",
        { subject, step, at, sums: JSON.stringify(sum.sums), peaks: JSON.stringify(sum.peaks) },
      );
    }
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

function tallyFromRow({ subject, step, at, sums, peaks }: TallyRow): SubjectTally {
  return { subject, step, atSeconds: at, sums: JSON.parse(sums), peaks: JSON.parse(peaks) };
}
