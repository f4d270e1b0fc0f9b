import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { type ThrottleRule, type ThrottleStore, waitAfter } from "./throttle-store.ts";

export const throttleMigrations: Migration[] = [
  {
    id: "throttle-1",
    sql: `
      CREATE TABLE compute_tries (
        key TEXT PRIMARY KEY,
        tries INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        free_at INTEGER NOT NULL,
        keep_until INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_tries_by_end ON compute_tries (keep_until);
    `,
  },
];

interface TriesRow {
  tries: number;
  last_at: number;
  free_at: number;
  keep_until: number;
}

export class SqliteThrottleStore implements ThrottleStore {
  constructor(private readonly store: SqliteStore) {}

  take(key: string, rule: ThrottleRule, nowMs: number): Promise<number> {
    return this.store.write(() => {
      const row = this.store.get<TriesRow>("SELECT * FROM compute_tries WHERE key = $key", { key });
      // A last try in the future was counted before the clock was set back.
      const counts = row !== undefined && Math.abs(nowMs - row.last_at) < rule.forgetMs;
      const waitMs = counts ? row.free_at - nowMs : 0;
      if (waitMs > 0) return Math.min(waitMs, rule.maxMs);
      const tries = (counts ? row.tries : 0) + 1;
      this.store.run(
        `INSERT INTO compute_tries (key, tries, last_at, free_at, keep_until)
         VALUES ($key, $tries, $nowMs, $freeAtMs, $keepUntilMs)
         ON CONFLICT (key) DO UPDATE SET tries = $tries, last_at = $nowMs, free_at = $freeAtMs,
           keep_until = max(keep_until, $keepUntilMs)`,
        { key, tries, nowMs, freeAtMs: nowMs + waitAfter(tries, rule), keepUntilMs: nowMs + rule.forgetMs },
      );
      return 0;
    });
  }

  giveBack(key: string, nowMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        "UPDATE compute_tries SET tries = max(0, tries - 1), free_at = min(free_at, $nowMs) WHERE key = $key",
        { key, nowMs },
      );
    });
  }

  clear(key: string, keepUntilMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_tries (key, tries, last_at, free_at, keep_until) VALUES ($key, 0, 0, 0, $keepUntilMs)
         ON CONFLICT (key) DO UPDATE SET tries = 0, last_at = 0, free_at = 0, keep_until = $keepUntilMs`,
        { key, keepUntilMs },
      );
    });
  }

  async has(key: string, nowMs: number): Promise<boolean> {
    const sql = "SELECT 1 FROM compute_tries WHERE key = $key AND keep_until > $nowMs";
    return this.store.get(sql, { key, nowMs }) !== undefined;
  }

  prune(nowMs: number, limit: number): Promise<number> {
    return this.store.write(() =>
      this.store.run(
        `DELETE FROM compute_tries WHERE key IN
           (SELECT key FROM compute_tries WHERE keep_until <= $nowMs ORDER BY keep_until LIMIT $limit)`,
        { nowMs, limit },
      ),
    );
  }
}
