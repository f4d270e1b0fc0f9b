import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { type EnrolmentRecord, type EnrolmentStore, isValidAt } from "./enrolment-store.ts";

export const enrolmentMigrations: Migration[] = [
  {
    id: "enrolment-1",
    sql: `
      CREATE TABLE compute_enrolments (
        enrolment_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        secret_hash TEXT NOT NULL,
        max_uses INTEGER NOT NULL,
        used INTEGER NOT NULL,
        use_keys TEXT NOT NULL,
        pool TEXT,
        labels TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        last_used_at INTEGER,
        revoked_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_enrolments_by_age ON compute_enrolments (business_id, enrolment_id);
    `,
  },
];

interface EnrolmentRow {
  enrolment_id: string;
  business_id: string;
  user_id: string;
  secret_hash: string;
  max_uses: number;
  used: number;
  use_keys: string;
  pool: string | null;
  labels: string;
  created_at: number;
  expires_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

export class SqliteEnrolmentStore implements EnrolmentStore {
  constructor(private readonly store: SqliteStore) {}

  insert(enrolment: EnrolmentRecord): Promise<void> {
    return this.store.write(() => {
      const { labels, pool, lastUsedAtMs: _, revokedAtMs: __, ...fields } = enrolment;
      this.store.run(
        `INSERT INTO compute_enrolments (enrolment_id, business_id, user_id, secret_hash, max_uses, used, use_keys, pool,
           labels, created_at, expires_at)
         VALUES ($enrolmentId, $businessId, $userId, $secretHash, $maxUses, $used, '[]', $pool, $labels, $createdAtMs,
           $expiresAtMs)`,
        { ...fields, pool: pool ?? null, labels: JSON.stringify(labels) },
      );
    });
  }

  async find(enrolmentId: string): Promise<EnrolmentRecord | undefined> {
    const row = this.read(enrolmentId);
    return row && recordFrom(row);
  }

  async list(businessId: string, beforeId: string | undefined, limit: number): Promise<EnrolmentRecord[]> {
    const before = beforeId === undefined ? "" : "AND enrolment_id < $beforeId";
    return this.store
      .all<EnrolmentRow>(
        `SELECT * FROM compute_enrolments WHERE business_id = $businessId ${before}
         ORDER BY enrolment_id DESC LIMIT $limit`,
        { businessId, limit, ...(beforeId === undefined ? {} : { beforeId }) },
      )
      .map(recordFrom);
  }

  use(enrolmentId: string, useKey: string, nowMs: number): Promise<boolean> {
    return this.store.write(() => {
      const row = this.read(enrolmentId);
      if (!row || !isValidAt(recordFrom(row), nowMs)) return false;
      const useKeys = JSON.parse(row.use_keys) as string[];
      if (useKeys.includes(useKey)) return true;
      if (row.used >= row.max_uses) return false;
      this.store.run(
        `UPDATE compute_enrolments SET used = used + 1, use_keys = $useKeys, last_used_at = $nowMs
         WHERE enrolment_id = $enrolmentId`,
        { enrolmentId, nowMs, useKeys: JSON.stringify([...useKeys, useKey]) },
      );
      return true;
    });
  }

  revoke(businessId: string, enrolmentId: string, nowMs: number): Promise<EnrolmentRecord | undefined> {
    return this.store.write(() => {
      this.store.run(
        `UPDATE compute_enrolments SET revoked_at = $nowMs
         WHERE enrolment_id = $enrolmentId AND business_id = $businessId AND revoked_at IS NULL`,
        { businessId, enrolmentId, nowMs },
      );
      const row = this.read(enrolmentId);
      return row?.business_id === businessId ? recordFrom(row) : undefined;
    });
  }

  private read(enrolmentId: string): EnrolmentRow | undefined {
    const sql = "SELECT * FROM compute_enrolments WHERE enrolment_id = $enrolmentId";
    return this.store.get<EnrolmentRow>(sql, { enrolmentId });
  }
}

function recordFrom(row: EnrolmentRow): EnrolmentRecord {
  return {
    enrolmentId: row.enrolment_id,
    businessId: row.business_id,
    userId: row.user_id,
    secretHash: row.secret_hash,
    maxUses: row.max_uses,
    used: row.used,
    pool: row.pool ?? undefined,
    labels: JSON.parse(row.labels),
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    lastUsedAtMs: row.last_used_at ?? undefined,
    revokedAtMs: row.revoked_at ?? undefined,
  };
}
