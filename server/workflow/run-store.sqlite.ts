import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { foldEvents } from "./fold.ts";
import type { Appended, RunEvents, RunStore, StoredRun } from "./run-store.ts";

export const workflowMigrations: Migration[] = [
  {
    id: "workflow-1",
    sql: `
      CREATE TABLE compute_workflow_runs (
        execution_id TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        events INTEGER NOT NULL,
        run TEXT NOT NULL
      ) STRICT;
      CREATE INDEX compute_workflow_runs_by_job ON compute_workflow_runs (job_id);
    `,
  },
];

interface RunRow {
  execution_id: string;
  job_id: string;
  business_id: string;
  attempt: number;
  events: number;
  run: string;
}

export class SqliteRunStore implements RunStore {
  constructor(private readonly store: SqliteStore) {}

  append(batch: RunEvents): Promise<Appended> {
    return this.store.write(() => {
      const { executionId, jobId, businessId, attempt } = batch;
      const row = this.read(executionId);
      const { after, applied } = foldEvents(row && { events: row.events, text: row.run }, batch);
      const { events, text } = after;
      if (!row || applied.length > 0) {
        this.store.run(
          `INSERT INTO compute_workflow_runs (execution_id, job_id, business_id, attempt, events, run)
           VALUES ($executionId, $jobId, $businessId, $attempt, $events, $text)
           ON CONFLICT (execution_id) DO UPDATE SET events = excluded.events, run = excluded.run`,
          { executionId, jobId, businessId, attempt, events, text },
        );
      }
      return { events, applied };
    });
  }

  async find(executionId: string): Promise<StoredRun | undefined> {
    const row = this.read(executionId);
    return (
      row && {
        businessId: row.business_id,
        jobId: row.job_id,
        executionId,
        attempt: row.attempt,
        events: row.events,
        run: JSON.parse(row.run),
      }
    );
  }

  private read(executionId: string): RunRow | undefined {
    return this.store.get<RunRow>(
      `SELECT execution_id, job_id, business_id, attempt, events, run FROM compute_workflow_runs
       WHERE execution_id = $executionId`,
      { executionId },
    );
  }
}
