import { type KeyUsage, NO_USAGE, spend, withHold, withoutHold } from "../auth/key-limits.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import { OPEN_WITH_KEY } from "./job-rows.sqlite.ts";
import type { LimitedKey, WithinLimits } from "./job-store.ts";

/** How much of their limits keys have used. Call it inside `store.write`, in which the jobs are written too. */
export class SqliteKeyUsage {
  constructor(private readonly store: SqliteStore) {}

  /** Counts jobs that are about to be made, if the limits allow it. `holdId`: with places until `release`. */
  take(key: LimitedKey, jobs: number, nowMs: number, holdId?: string): WithinLimits<undefined> {
    const { apiKeyId, maxConcurrent } = key;
    const open = maxConcurrent === undefined ? 0 : this.open(apiKeyId);
    const spent = spend(this.read(apiKeyId), key, { jobs, open, nowMs });
    if (spent.kind === "refused") return spent;
    const { usage, left } = spent;
    if (jobs > 0) this.write(apiKeyId, holdId === undefined ? usage : withHold(usage, holdId, jobs, nowMs));
    return { kind: "within", left, result: undefined };
  }

  release(apiKeyId: string, holdId: string): void {
    this.write(apiKeyId, withoutHold(this.read(apiKeyId), holdId));
  }

  private open(apiKeyId: string): number {
    const sql = `SELECT count(*) AS count FROM compute_jobs WHERE api_key_id = $apiKeyId AND ${OPEN_WITH_KEY}`;
    return this.store.get<{ count: number }>(sql, { apiKeyId })?.count ?? 0;
  }

  private read(apiKeyId: string): KeyUsage {
    const sql = "SELECT usage FROM compute_key_usage WHERE api_key_id = $apiKeyId";
    const row = this.store.get<{ usage: string }>(sql, { apiKeyId });
    return row ? (JSON.parse(row.usage) as KeyUsage) : NO_USAGE;
  }

  private write(apiKeyId: string, usage: KeyUsage): void {
    this.store.run(
      `INSERT INTO compute_key_usage (api_key_id, usage) VALUES ($apiKeyId, $usage)
       ON CONFLICT (api_key_id) DO UPDATE SET usage = excluded.usage`,
      { apiKeyId, usage: JSON.stringify(usage) },
    );
  }
}
