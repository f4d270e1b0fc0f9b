import type { SqliteStore } from "../store/sqlite.ts";
import type { Fault, IntegrityStore, StoreCounts } from "./integrity-store.ts";

const LIVE = "('ASSIGNED', 'RUNNING')";

export class SqliteIntegrityStore implements IntegrityStore {
  constructor(private readonly store: SqliteStore) {}

  async counts(): Promise<StoreCounts> {
    const count = (table: string) =>
      this.store.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0;
    return {
      jobs: count("compute_jobs"),
      executions: count("compute_executions"),
      ledgerEntries: count("compute_credit_ledger"),
    };
  }

  async jobsWithoutExecution(limit: number): Promise<Fault[]> {
    return this.store.all<Fault>(
      `SELECT j.job_id AS id, 'it is ' || j.status || ' with execution ' ||
         coalesce(j.execution_id || ', which is ' || coalesce(e.status, 'missing'), 'none') AS detail
       FROM compute_jobs j LEFT JOIN compute_executions e ON e.execution_id = j.execution_id AND e.job_id = j.job_id
       WHERE j.status IN ${LIVE} AND json_extract(j.manifest, '$.array') IS NULL
         AND (e.status IS NULL OR e.status NOT IN ${LIVE}) LIMIT $limit`,
      { limit },
    );
  }

  async executionsWithoutJob(limit: number): Promise<Fault[]> {
    return this.store.all<Fault>(
      `SELECT e.execution_id AS id, 'it is ' || e.status || ', but its job ' || e.job_id || ' is ' ||
         coalesce(j.status || ' with execution ' || coalesce(j.execution_id, 'none'), 'missing') AS detail
       FROM compute_executions e LEFT JOIN compute_jobs j ON j.job_id = e.job_id
       WHERE e.status IN ${LIVE}
         AND (j.job_id IS NULL OR j.execution_id IS NOT e.execution_id OR j.status NOT IN ${LIVE}) LIMIT $limit`,
      { limit },
    );
  }

  async jobsLiveTwice(limit: number): Promise<Fault[]> {
    return this.store.all<Fault>(
      `SELECT job_id AS id, 'it has ' || count(*) || ' live executions: ' || group_concat(execution_id, ', ') AS detail
       FROM compute_executions WHERE status IN ${LIVE} GROUP BY job_id HAVING count(*) > 1 LIMIT $limit`,
      { limit },
    );
  }

  async settledButLive(limit: number): Promise<Fault[]> {
    return this.store.all<Fault>(
      `SELECT e.execution_id AS id, 'it is ' || e.status || ', but was settled with ' || l.entry_id AS detail
       FROM compute_executions e JOIN compute_credit_ledger l
         ON l.business_id = e.business_id AND l.key = 'settle:' || e.execution_id
       WHERE e.status IN ${LIVE} LIMIT $limit`,
      { limit },
    );
  }

  async runsWithoutExecution(limit: number): Promise<Fault[]> {
    return this.store.all<Fault>(
      `SELECT r.execution_id AS id, 'it is of job ' || r.job_id AS detail
       FROM compute_workflow_runs r LEFT JOIN compute_executions e ON e.execution_id = r.execution_id
       WHERE e.execution_id IS NULL LIMIT $limit`,
      { limit },
    );
  }
}
