import type { SQLQueryBindings } from "bun:sqlite";
import { isFinal } from "../../shared/job-state.ts";
import { jobStatus } from "../../shared/job-status.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { putInTrash } from "../trash/trash-store.sqlite.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { type FireRecord, isOpen, type ScheduleRecord } from "./schedule-record.ts";
import type {
  FireListQuery,
  ScheduleDecision,
  ScheduleListQuery,
  ScheduleState,
  ScheduleStore,
} from "./schedule-store.ts";

export const scheduleMigrations: Migration[] = [
  {
    id: "schedule-1",
    sql: `
      CREATE TABLE compute_schedules (
        schedule_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        status TEXT NOT NULL,
        next_fire_at INTEGER,
        record TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_schedules_by_age ON compute_schedules (business_id, schedule_id);
      CREATE INDEX compute_schedules_due ON compute_schedules (next_fire_at) WHERE next_fire_at IS NOT NULL;
      CREATE TABLE compute_schedule_fires (
        fire_id TEXT PRIMARY KEY,
        schedule_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        clock_due_at INTEGER,
        open INTEGER NOT NULL,
        record TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_schedule_fires_by_age ON compute_schedule_fires (schedule_id, fire_id);
      CREATE INDEX compute_schedule_fires_open ON compute_schedule_fires (schedule_id, fire_id) WHERE open = 1;
      CREATE UNIQUE INDEX compute_schedule_fires_once ON compute_schedule_fires (schedule_id, clock_due_at)
        WHERE clock_due_at IS NOT NULL;
      CREATE INDEX compute_jobs_by_schedule ON compute_jobs (schedule_id, status) WHERE schedule_id IS NOT NULL;
    `,
  },
];

interface Row {
  record: string;
}

/** JSON leaves out undefined fields; they read as undefined again. */
const scheduleFromRow = (row: Row): ScheduleRecord => JSON.parse(row.record);
const fireFromRow = (row: Row): FireRecord => JSON.parse(row.record);

const LIVE = JSON.stringify(jobStatus.options.filter((status) => !isFinal(status)));

export class SqliteScheduleStore implements ScheduleStore {
  constructor(private readonly store: SqliteStore) {}

  insert(schedule: ScheduleRecord): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_schedules (schedule_id, business_id, status, next_fire_at, record)
         VALUES ($scheduleId, $businessId, $status, $nextFireAt, $record)`,
        { businessId: schedule.businessId, ...changing(schedule) },
      );
    });
  }

  async find(businessId: string, scheduleId: string): Promise<ScheduleRecord | undefined> {
    return this.read(scheduleId, businessId);
  }

  async list(query: ScheduleListQuery): Promise<ScheduleRecord[]> {
    const where = ["business_id = $businessId"];
    const bindings: Record<string, SQLQueryBindings> = { businessId: query.businessId, limit: query.limit };
    if (query.status) {
      where.push("status IN (SELECT value FROM json_each($status))");
      bindings.status = JSON.stringify(query.status);
    }
    if (query.beforeScheduleId !== undefined) {
      where.push("schedule_id < $before");
      bindings.before = query.beforeScheduleId;
    }
    const sql = `SELECT record FROM compute_schedules WHERE ${where.join(" AND ")}
      ORDER BY schedule_id DESC LIMIT $limit`;
    return this.store.all<Row>(sql, bindings).map(scheduleFromRow);
  }

  delete(businessId: string, scheduleId: string, into?: IntoTrash): Promise<boolean> {
    return this.store.write(() => {
      if (into) return this.moveToTrash(businessId, scheduleId, into);
      const deleted = this.store.run(
        "DELETE FROM compute_schedules WHERE schedule_id = $scheduleId AND business_id = $businessId",
        { scheduleId, businessId },
      );
      if (deleted === 0) return false;
      this.store.run("DELETE FROM compute_schedule_fires WHERE schedule_id = $scheduleId", { scheduleId });
      return true;
    });
  }

  private moveToTrash(businessId: string, scheduleId: string, into: IntoTrash): boolean {
    if (!this.readState(scheduleId, businessId)) return false;
    putInTrash(this.store, businessId, "schedule", [scheduleId], into);
    return true;
  }

  change<Result>(
    key: { scheduleId: string; businessId?: string },
    decide: (state: ScheduleState | undefined) => ScheduleDecision<Result>,
  ): Promise<Result> {
    return this.store.write(() => {
      const decision = decide(this.readState(key.scheduleId, key.businessId));
      if (decision.schedule) {
        this.store.run(
          `UPDATE compute_schedules SET status = $status, next_fire_at = $nextFireAt, record = $record
           WHERE schedule_id = $scheduleId`,
          changing(decision.schedule),
        );
      }
      if (decision.forgetDueAfterMs !== undefined) {
        this.store.run(
          `UPDATE compute_schedule_fires SET clock_due_at = NULL, record = json_set(record, '$.isAhead', json('true'))
           WHERE schedule_id = $scheduleId AND clock_due_at > $after`,
          { scheduleId: key.scheduleId, after: decision.forgetDueAfterMs },
        );
      }
      for (const fire of decision.fires ?? []) this.put(fire);
      return decision.result;
    });
  }

  async due(nowMs: number, limit: number): Promise<ScheduleRecord[]> {
    const rows = this.store.all<Row>(
      "SELECT record FROM compute_schedules WHERE next_fire_at <= $now ORDER BY next_fire_at LIMIT $limit",
      { now: nowMs, limit },
    );
    return rows.map(scheduleFromRow);
  }

  async nextFireAt(): Promise<number | undefined> {
    const next = this.store.get<{ at: number | null }>(
      "SELECT min(next_fire_at) AS at FROM compute_schedules WHERE next_fire_at IS NOT NULL",
    );
    return next?.at ?? undefined;
  }

  async plannedAfter(atMs: number, afterScheduleId: string | undefined, limit: number) {
    const rows = this.store.all<Row>(
      `SELECT record FROM compute_schedules WHERE status = 'ACTIVE' AND schedule_id > $after AND (
         json_extract(record, '$.plannedAtMs') > $at OR json_extract(record, '$.lastDueAtMs') > $at)
       ORDER BY schedule_id LIMIT $limit`,
      { at: atMs, after: afterScheduleId ?? "", limit },
    );
    return rows.map(scheduleFromRow);
  }

  async withOpenFires(afterScheduleId: string | undefined, limit: number): Promise<string[]> {
    const rows = this.store.all<{ schedule_id: string }>(
      `SELECT DISTINCT schedule_id FROM compute_schedule_fires WHERE open = 1 AND schedule_id > $after
       ORDER BY schedule_id LIMIT $limit`,
      { after: afterScheduleId ?? "", limit },
    );
    return rows.map((row) => row.schedule_id);
  }

  async fires(query: FireListQuery): Promise<FireRecord[]> {
    const { businessId, scheduleId, beforeFireId, limit } = query;
    const rows = this.store.all<Row>(
      `SELECT record FROM compute_schedule_fires
       WHERE schedule_id = $scheduleId AND business_id = $businessId AND fire_id < $before
       ORDER BY fire_id DESC LIMIT $limit`,
      { businessId, scheduleId, before: beforeFireId ?? "~", limit },
    );
    return rows.map(fireFromRow);
  }

  pruneFires(scheduleId: string, keep: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `DELETE FROM compute_schedule_fires WHERE schedule_id = $scheduleId AND open = 0 AND fire_id <=
           (SELECT fire_id FROM compute_schedule_fires WHERE schedule_id = $scheduleId
            ORDER BY fire_id DESC LIMIT 1 OFFSET $keep)`,
        { scheduleId, keep },
      );
    });
  }

  private readState(scheduleId: string, businessId: string | undefined): ScheduleState | undefined {
    const schedule = this.read(scheduleId, businessId);
    if (!schedule) return undefined;
    const open = this.store.all<Row>(
      "SELECT record FROM compute_schedule_fires WHERE schedule_id = $scheduleId AND open = 1 ORDER BY fire_id",
      { scheduleId },
    );
    const openFires = open.map(fireFromRow);
    if (schedule.overlap === "allow") return { schedule, openFires, liveJobIds: [] };
    // The `+` keeps SQLite from the index by business, which would walk over all its jobs.
    const live = this.store.all<{ job_id: string }>(
      `SELECT job_id FROM compute_jobs WHERE schedule_id = $scheduleId AND +business_id = $businessId
         AND status IN (SELECT value FROM json_each($live)) ORDER BY job_id`,
      { scheduleId, businessId: schedule.businessId, live: LIVE },
    );
    return { schedule, openFires, liveJobIds: live.map((row) => row.job_id) };
  }

  private read(scheduleId: string, businessId: string | undefined): ScheduleRecord | undefined {
    const row = this.store.get<Row & { business_id: string }>(
      "SELECT business_id, record FROM compute_schedules WHERE schedule_id = $scheduleId",
      { scheduleId },
    );
    if (!row || (businessId !== undefined && row.business_id !== businessId)) return undefined;
    return scheduleFromRow(row);
  }

  private put(fire: FireRecord): void {
    this.store.run(
      `INSERT INTO compute_schedule_fires (fire_id, schedule_id, business_id, clock_due_at, open, record)
       VALUES ($fireId, $scheduleId, $businessId, $clockDueAt, $open, $record)
       ON CONFLICT (fire_id) DO UPDATE SET open = excluded.open, record = excluded.record`,
      {
        fireId: fire.fireId,
        scheduleId: fire.scheduleId,
        businessId: fire.businessId,
        clockDueAt: fire.trigger === "clock" && !fire.isAhead ? fire.dueAtMs : null,
        open: isOpen(fire) ? 1 : 0,
        record: JSON.stringify(fire),
      },
    );
  }
}

function changing(schedule: ScheduleRecord) {
  return {
    scheduleId: schedule.scheduleId,
    status: schedule.status,
    nextFireAt: schedule.nextFireAtMs ?? null,
    record: JSON.stringify(schedule),
  };
}
