import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import { firstIdAt } from "../../shared/ids.ts";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import { OPEN } from "../job/job-rows.sqlite.ts";
import type { RemovedLog } from "../log/log-store.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { insertTrash, moveRows } from "../trash/trash-store.sqlite.ts";
import type { IntoTrash, TrashRecord } from "../trash/trash-store.ts";
import type { EndedJob, EndedJobsQuery, RetentionStore, StoreUsage } from "./retention-store.ts";

export const retentionMigrations: Migration[] = [
  {
    id: "retention-1",
    // One row for each log that was removed or is being removed: `pending` while rows of the log are left.
    sql: `
      CREATE TABLE compute_log_removals (
        job_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        up_to_attempt INTEGER NOT NULL,
        job_deleted INTEGER NOT NULL,
        pending INTEGER NOT NULL,
        lines INTEGER NOT NULL,
        removed_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_log_removals_pending ON compute_log_removals (job_id) WHERE pending = 1;
    `,
  },
];

/** A row of a log can hold some megabytes. A step takes milliseconds, and others write between two steps. */
const LOG_ROWS_PER_STEP = 16;
const MAX_STEPS = 64;

interface FoundJob {
  job_id: string;
  status: JobStatus;
  array_id: string | null;
  attempt: number;
}

interface RemovalRow {
  job_id: string;
  up_to_attempt: number;
  job_deleted: number;
}

/** Bytes free inside the file, which new rows use before it grows. */
export function freeBytesIn(store: SqliteStore): number {
  const sql = "SELECT freelist_count * page_size AS n FROM pragma_freelist_count, pragma_page_size";
  return store.get<{ n: number }>(sql)?.n ?? 0;
}

export class SqliteRetentionStore implements RetentionStore {
  constructor(private readonly store: SqliteStore) {}

  deleteJobs(
    businessId: string,
    jobIds: readonly string[],
    nowMs: number,
    into?: IntoTrash,
  ): Promise<JobDeletion[]> {
    return this.store.write(() => {
      const outcomes = jobIds.map((jobId) => {
        const going = this.deletable(businessId, jobId);
        if (typeof going === "string") return going;
        if (into) this.moveToTrash(businessId, going, into);
        else this.deleteAll(businessId, going, nowMs);
        return "deleted";
      });
      const moved = jobIds.filter((_, i) => outcomes[i] === "deleted");
      if (into && moved.length > 0) insertTrash(this.store, businessId, "jobs", moved, into);
      return outcomes;
    });
  }

  deleteTrashedJobs({ businessId, trashId, items }: TrashRecord, nowMs: number): Promise<void> {
    return this.store.write(() => {
      for (const jobId of items) {
        const job = this.findJob(trashId, jobId);
        // The log still belongs to the business.
        if (job) this.deleteAll(businessId, [job, ...this.membersOf(jobId)], nowMs);
      }
    });
  }

  async endedJobs({ endedBeforeMs, afterJobId = "", limit }: EndedJobsQuery): Promise<EndedJob[]> {
    return this.select(
      `SELECT job_id, business_id, array_id, attempt FROM compute_jobs
       WHERE job_id > $after AND job_id < $before AND finished_at < $endedBefore AND NOT (${OPEN})
       ORDER BY job_id LIMIT $limit`,
      { after: afterJobId, before: firstIdAt("job", endedBeforeMs), endedBefore: endedBeforeMs, limit },
    );
  }

  async endedLogs({ endedBeforeMs, afterJobId = "", limit }: EndedJobsQuery): Promise<EndedJob[]> {
    // Jumps from job to job in the index of places, however many rows a log has.
    return this.select(
      `WITH RECURSIVE logged(job_id) AS (
         SELECT min(job_id) FROM compute_job_logs WHERE job_id > $after
         UNION ALL
         SELECT (SELECT min(l.job_id) FROM compute_job_logs l WHERE l.job_id > logged.job_id)
         FROM logged WHERE logged.job_id < $before
       )
       SELECT j.job_id, j.business_id, j.array_id, j.attempt FROM logged JOIN compute_jobs j ON j.job_id = logged.job_id
       WHERE j.job_id < $before AND j.finished_at < $endedBefore AND NOT (j.${OPEN})
       LIMIT $limit`,
      { after: afterJobId, before: firstIdAt("job", endedBeforeMs), endedBefore: endedBeforeMs, limit },
    );
  }

  removeLogs(jobs: readonly EndedJob[], nowMs: number): Promise<void> {
    return this.store.write(() => {
      for (const { jobId, businessId } of jobs) {
        const job = this.findJob(businessId, jobId);
        if (job && isFinal(job.status)) this.queueRemoval(businessId, job, nowMs, false);
      }
    });
  }

  async removedLog(businessId: string, jobId: string): Promise<RemovedLog | undefined> {
    const row = this.store.get<{ removed_at: number; lines: number }>(
      `SELECT removed_at, lines FROM compute_log_removals
       WHERE job_id = $jobId AND business_id = $businessId AND job_deleted = 0`,
      { jobId, businessId },
    );
    return row && { atMs: row.removed_at, lines: row.lines };
  }

  async finishRemovals(): Promise<boolean> {
    for (let step = 0; step < MAX_STEPS; step++) {
      if (!(await this.removeSome())) return false;
    }
    return true;
  }

  async usedBytes(): Promise<number> {
    return this.number(
      `SELECT (page_count - freelist_count) * page_size AS n
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    );
  }

  async usage(): Promise<StoreUsage> {
    return {
      jobs: this.number("SELECT count(*) AS n FROM compute_jobs"),
      executions: this.number("SELECT count(*) AS n FROM compute_executions"),
      logBytes: this.number("SELECT sum(octet_length(lines)) AS n FROM compute_job_logs"),
      usedBytes: await this.usedBytes(),
      freeBytes: freeBytesIn(this.store),
    };
  }

  private number(sql: string): number {
    return this.store.get<{ n: number | null }>(sql)?.n ?? 0;
  }

  /** The job, with the jobs of its array, or why it cannot be deleted. */
  private deletable(businessId: string, jobId: string): FoundJob[] | Exclude<JobDeletion, "deleted"> {
    const job = this.findJob(businessId, jobId);
    if (!job) return "not-found";
    if (job.array_id !== null) return "in-array";
    if (!isFinal(job.status)) return "open";
    const members = this.membersOf(jobId);
    if (members.some((one) => !isFinal(one.status))) return "open";
    const going = [job, ...members];
    return going.some((one) => this.isAwaited(one.job_id)) ? "needed" : going;
  }

  private moveToTrash(businessId: string, going: readonly FoundJob[], { trashId }: IntoTrash): void {
    const ids = going.map((one) => one.job_id);
    moveRows(this.store, "jobs", ids, { from: businessId, to: trashId });
  }

  private deleteAll(businessId: string, going: readonly FoundJob[], nowMs: number): void {
    for (const one of going) {
      this.queueRemoval(businessId, one, nowMs, true);
      const bindings = { jobId: one.job_id };
      this.store.run("DELETE FROM compute_executions WHERE job_id = $jobId", bindings);
      this.store.run("DELETE FROM compute_workflow_runs WHERE job_id = $jobId", bindings);
      this.store.run("DELETE FROM compute_execution_series WHERE job_id = $jobId", bindings);
      this.store.run("DELETE FROM compute_job_after WHERE after_job_id = $jobId", bindings);
      this.store.run(
        `DELETE FROM compute_job_after WHERE job_id = $jobId AND after_job_id IN (
           SELECT json_extract(value, '$.jobId') FROM compute_jobs, json_each(manifest, '$.after')
           WHERE compute_jobs.job_id = $jobId)`,
        bindings,
      );
      this.store.run("DELETE FROM compute_job_inputs WHERE job_id = $jobId", bindings);
      this.store.run("DELETE FROM compute_job_labels WHERE job_id = $jobId", bindings);
      this.store.run("DELETE FROM compute_jobs WHERE job_id = $jobId", bindings);
    }
  }

  private membersOf(arrayId: string): FoundJob[] {
    return this.store.all<FoundJob>(
      "SELECT job_id, status, array_id, attempt FROM compute_jobs WHERE array_id = $arrayId",
      { arrayId },
    );
  }

  private findJob(businessId: string, jobId: string): FoundJob | undefined {
    return this.store.get<FoundJob>(
      "SELECT job_id, status, array_id, attempt FROM compute_jobs WHERE job_id = $jobId AND business_id = $businessId",
      { jobId, businessId },
    );
  }

  /** Whether an unfinished job waits for this one. */
  private isAwaited(jobId: string): boolean {
    const sql = `SELECT 1 AS one FROM compute_job_after a JOIN compute_jobs j ON j.job_id = a.job_id
                 WHERE a.after_job_id = $jobId AND j.${OPEN} LIMIT 1`;
    return this.store.get(sql, { jobId }) !== undefined;
  }

  private queueRemoval(businessId: string, job: FoundJob, nowMs: number, jobDeleted: boolean): void {
    const { lines } = this.store.get<{ lines: number }>(
      `SELECT coalesce(sum(last), 0) AS lines FROM (
         SELECT max(last_seq) AS last FROM compute_job_logs WHERE job_id = $jobId GROUP BY attempt)`,
      { jobId: job.job_id },
    ) ?? { lines: 0 };
    if (lines === 0 && !jobDeleted) return;
    this.store.run(
      `INSERT INTO compute_log_removals (job_id, business_id, up_to_attempt, job_deleted, pending, lines, removed_at)
       VALUES ($jobId, $businessId, $attempt, $deleted, 1, $lines, $now)
       ON CONFLICT (job_id) DO UPDATE SET up_to_attempt = excluded.up_to_attempt, pending = 1,
         job_deleted = max(job_deleted, excluded.job_deleted), removed_at = excluded.removed_at,
         lines = CASE WHEN pending = 1 THEN max(lines, excluded.lines) ELSE lines + excluded.lines END`,
      {
        jobId: job.job_id,
        businessId,
        attempt: job.attempt,
        deleted: jobDeleted ? 1 : 0,
        lines,
        now: nowMs,
      },
    );
  }

  /** Does one step. Resolves with whether there was anything to do. */
  private removeSome(): Promise<boolean> {
    return this.store.write(() => {
      const removal = this.store.get<RemovalRow>(
        "SELECT job_id, up_to_attempt, job_deleted FROM compute_log_removals WHERE pending = 1 ORDER BY job_id LIMIT 1",
      );
      if (!removal) return false;
      const deleted = this.store.run(
        `DELETE FROM compute_job_logs WHERE rowid IN (
           SELECT rowid FROM compute_job_logs WHERE job_id = $jobId AND attempt <= $attempt
           ORDER BY attempt, last_seq LIMIT ${LOG_ROWS_PER_STEP})`,
        { jobId: removal.job_id, attempt: removal.up_to_attempt },
      );
      if (deleted === LOG_ROWS_PER_STEP) return true;
      // Nobody asks for the log of a deleted job.
      const rest = removal.job_deleted ? "DELETE FROM" : "UPDATE";
      this.store.run(
        `${rest} compute_log_removals ${removal.job_deleted ? "" : "SET pending = 0"} WHERE job_id = $jobId`,
        { jobId: removal.job_id },
      );
      return true;
    });
  }

  private select(sql: string, bindings: Record<string, string | number>): EndedJob[] {
    return this.store
      .all<{ job_id: string; business_id: string; array_id: string | null; attempt: number }>(sql, bindings)
      .map((row) => ({
        jobId: row.job_id,
        businessId: row.business_id,
        inArray: row.array_id !== null,
        attempt: row.attempt,
      }));
  }
}
