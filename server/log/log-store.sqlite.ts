import { continuing } from "../../shared/packed-lines.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import {
  type ExecutionLines,
  LOG_START,
  type LogPlace,
  type LogRange,
  type LogStore,
  type PackedBatch,
  type StoredLine,
  unpackInto,
} from "./log-store.ts";

export const logMigrations: Migration[] = [
  {
    id: "log-1",
    // One row per stored batch. Rows are large, so they stay in insertion order, and two small indexes find them.
    sql: `
      CREATE TABLE compute_job_logs (
        job_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        lines TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX compute_job_logs_by_place ON compute_job_logs (job_id, attempt, last_seq);
      CREATE UNIQUE INDEX compute_job_logs_by_execution ON compute_job_logs (execution_id, last_seq);
    `,
  },
];

interface LogRow {
  attempt: number;
  first_seq: number;
  last_seq: number;
  execution_id: string;
  lines: string;
}

/** Rows hold one line to some thousands. How many are read at a time is estimated from the rows before. */
const MAX_ROWS_PER_READ = 256;
/** A read stops after this much text even if more lines are wanted. */
const MAX_READ_CHARS = 4 * 1024 * 1024;
const ROWS_PER_STEP_BACK = 4;

/** Stores each batch as one row: a line costs next to nothing, and a replay reads rows in order. */
export class SqliteLogStore implements LogStore {
  constructor(private readonly store: SqliteStore) {}

  append(batches: readonly ExecutionLines[]): Promise<number[]> {
    return this.store.write(() => batches.map((batch) => this.appendOne(batch)));
  }

  async read(range: LogRange): Promise<StoredLine[]> {
    const found: StoredLine[] = [];
    for (const batch of await this.readPacked(range)) unpackInto(found, batch, range);
    return found.length > range.limit ? found.slice(0, range.limit) : found;
  }

  async readPacked(range: LogRange): Promise<PackedBatch[]> {
    const found: PackedBatch[] = [];
    let { after } = range;
    let lines = 0;
    let chars = 0;
    for (let wanted = 1; ; ) {
      const rows = this.readRows(range, after, wanted);
      for (const row of rows) {
        found.push(batchFrom(row));
        lines += row.last_seq - Math.max(row.first_seq - 1, row.attempt === after.attempt ? after.seq : 0);
        after = { attempt: row.attempt, seq: row.last_seq };
        chars += row.lines.length;
      }
      if (rows.length < wanted || lines >= range.limit || chars >= MAX_READ_CHARS) return found;
      const rowsOfLines = ((range.limit - lines) * found.length) / lines;
      const rowsOfChars = ((MAX_READ_CHARS - chars) * found.length) / chars;
      wanted = Math.max(1, Math.floor(Math.min(rowsOfLines, rowsOfChars, MAX_ROWS_PER_READ)));
    }
  }

  async *readBack({ businessId, jobId }: { businessId: string; jobId: string }) {
    let before = { attempt: Number.MAX_SAFE_INTEGER, seq: 0 };
    for (;;) {
      const rows = this.store.all<LogRow>(
        `SELECT attempt, first_seq, last_seq, execution_id, lines FROM compute_job_logs
         WHERE job_id = $jobId AND business_id = $businessId AND (attempt, last_seq) < ($attempt, $seq)
         ORDER BY attempt DESC, last_seq DESC LIMIT $limit`,
        { jobId, businessId, ...before, limit: ROWS_PER_STEP_BACK },
      );
      for (const row of rows) {
        const found: StoredLine[] = [];
        unpackInto(found, batchFrom(row), { after: LOG_START });
        yield found.reverse();
        before = { attempt: row.attempt, seq: row.last_seq };
      }
      if (rows.length < ROWS_PER_STEP_BACK) return;
    }
  }

  async lastPlace({ businessId, jobId }: { businessId: string; jobId: string }): Promise<LogPlace> {
    const row = this.store.get<{ attempt: number; last_seq: number }>(
      `SELECT attempt, last_seq FROM compute_job_logs WHERE job_id = $jobId AND business_id = $businessId
       ORDER BY attempt DESC, last_seq DESC LIMIT 1`,
      { jobId, businessId },
    );
    return row ? { attempt: row.attempt, seq: row.last_seq } : LOG_START;
  }

  async lastSeq(executionId: string): Promise<number> {
    return this.lastSeqNow(executionId);
  }

  private appendOne(batch: ExecutionLines): number {
    const last = this.lastSeqNow(batch.executionId);
    const part = continuing(batch, last);
    if (!part) return last;
    this.store.run(
      `INSERT INTO compute_job_logs (job_id, attempt, first_seq, last_seq, execution_id, business_id, lines)
       VALUES ($jobId, $attempt, $firstSeq, $lastSeq, $executionId, $businessId, $lines)`,
      {
        jobId: batch.jobId,
        attempt: batch.attempt,
        firstSeq: part.firstSeq,
        lastSeq: part.lastSeq,
        executionId: batch.executionId,
        businessId: batch.businessId,
        lines: part.lines,
      },
    );
    return part.lastSeq;
  }

  private lastSeqNow(executionId: string): number {
    const row = this.store.get<{ last_seq: number }>(
      `SELECT last_seq FROM compute_job_logs WHERE execution_id = $executionId ORDER BY last_seq DESC LIMIT 1`,
      { executionId },
    );
    return row?.last_seq ?? 0;
  }

  private readRows({ businessId, jobId, until }: LogRange, after: LogPlace, limit: number): LogRow[] {
    return this.store.all<LogRow>(
      `SELECT attempt, first_seq, last_seq, execution_id, lines FROM compute_job_logs
       WHERE job_id = $jobId AND business_id = $businessId
         AND (attempt, last_seq) > ($attempt, $seq) AND (attempt, first_seq) <= ($untilAttempt, $untilSeq)
       ORDER BY attempt, last_seq LIMIT $limit`,
      {
        jobId,
        businessId,
        attempt: after.attempt,
        seq: after.seq,
        untilAttempt: until?.attempt ?? Number.MAX_SAFE_INTEGER,
        untilSeq: until?.seq ?? Number.MAX_SAFE_INTEGER,
        limit,
      },
    );
  }
}

function batchFrom(row: LogRow): PackedBatch {
  return {
    executionId: row.execution_id,
    attempt: row.attempt,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    lines: row.lines,
  };
}
