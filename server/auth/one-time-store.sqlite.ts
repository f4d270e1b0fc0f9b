import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { OneTimeStore, OneTimeValue } from "./one-time-store.ts";

export const oneTimeMigrations: Migration[] = [
  {
    id: "one-time-1",
    sql: `
      CREATE TABLE compute_one_time_values (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        reads INTEGER NOT NULL,
        ends_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_one_time_values_by_end ON compute_one_time_values (ends_at);
    `,
  },
];

export class SqliteOneTimeStore implements OneTimeStore {
  constructor(private readonly store: SqliteStore) {}

  put({ key, value, reads, endsAtMs }: OneTimeValue): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_one_time_values (key, value, reads, ends_at) VALUES ($key, $value, $reads, $endsAtMs)
         ON CONFLICT (key) DO UPDATE SET value = $value, reads = $reads, ends_at = $endsAtMs`,
        { key, value, reads, endsAtMs },
      );
    });
  }

  read(key: string, nowMs: number): Promise<string | undefined> {
    return this.store.write(() => {
      const row = this.store.get<{ value: string }>(
        `UPDATE compute_one_time_values SET reads = reads - 1
         WHERE key = $key AND reads > 0 AND ends_at > $nowMs RETURNING value`,
        { key, nowMs },
      );
      return row?.value;
    });
  }

  remove(key: string, value: string): Promise<boolean> {
    const sql = "DELETE FROM compute_one_time_values WHERE key = $key AND value = $value";
    return this.store.write(() => this.store.run(sql, { key, value }) === 1);
  }

  prune(nowMs: number, limit: number): Promise<number> {
    return this.store.write(() =>
      this.store.run(
        `DELETE FROM compute_one_time_values WHERE key IN
           (SELECT key FROM compute_one_time_values WHERE ends_at <= $nowMs ORDER BY ends_at LIMIT $limit)`,
        { nowMs, limit },
      ),
    );
  }
}
