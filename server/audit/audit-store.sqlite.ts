import type { SQLQueryBindings } from "bun:sqlite";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { AuditHead, AuditQuery, AuditRow, AuditStore } from "./audit-store.ts";

export const auditMigrations: Migration[] = [
  {
    id: "audit-1",
    sql: `
      CREATE TABLE compute_audit_heads (
        business_id TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        hash TEXT NOT NULL,
        base_seq INTEGER NOT NULL,
        base_hash TEXT NOT NULL,
        seal TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_audit (
        business_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        user_id TEXT,
        entry TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (business_id, seq)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_audit_by_event ON compute_audit (business_id, event, seq);
      CREATE INDEX compute_audit_by_user ON compute_audit (business_id, user_id, seq);
      CREATE TRIGGER compute_audit_keeps BEFORE UPDATE ON compute_audit
        BEGIN SELECT RAISE(ABORT, 'entries of the audit log are never changed'); END;
      CREATE TRIGGER compute_audit_holds BEFORE DELETE ON compute_audit
        WHEN OLD.seq > (SELECT base_seq FROM compute_audit_heads WHERE business_id = OLD.business_id)
        BEGIN SELECT RAISE(ABORT, 'entries of the audit log are only removed from its old end'); END;
    `,
  },
];

const HEAD_COLUMNS = "business_id AS businessId, seq, hash, base_seq AS baseSeq, base_hash AS baseHash, seal";
const ROW_COLUMNS = "business_id AS businessId, seq, at AS atMs, event, user_id AS userId, entry, hash";

export class SqliteAuditStore implements AuditStore {
  constructor(private readonly store: SqliteStore) {}

  async head(businessId: string): Promise<AuditHead | undefined> {
    return this.readHead(businessId);
  }

  append(before: AuditHead | undefined, rows: readonly AuditRow[], head: AuditHead): Promise<boolean> {
    return this.store.write(() => {
      if (!this.replaceHead(before, head)) return false;
      for (const { businessId, seq, atMs, event, userId, entry, hash } of rows) {
        this.store.run(
          `INSERT INTO compute_audit (business_id, seq, at, event, user_id, entry, hash)
           VALUES ($businessId, $seq, $atMs, $event, $userId, $entry, $hash)`,
          { businessId, seq, atMs, event, userId, entry, hash },
        );
      }
      return true;
    });
  }

  cut(before: AuditHead, head: AuditHead): Promise<boolean> {
    return this.store.write(() => {
      if (!this.replaceHead(before, head)) return false;
      const { businessId, baseSeq } = head;
      this.store.run("DELETE FROM compute_audit WHERE business_id = $businessId AND seq <= $baseSeq", {
        businessId,
        baseSeq,
      });
      return true;
    });
  }

  async list(query: AuditQuery): Promise<AuditRow[]> {
    const { businessId, limit } = query;
    const bindings: Record<string, SQLQueryBindings> = { businessId, limit };
    const where = ["business_id = $businessId"];
    const conditions = {
      beforeSeq: "seq < $beforeSeq",
      sinceMs: "at >= $sinceMs",
      untilMs: "at <= $untilMs",
      event: "event = $event",
      userId: "user_id = $userId",
    } as const;
    for (const name of Object.keys(conditions) as (keyof typeof conditions)[]) {
      const value = query[name];
      if (value === undefined) continue;
      where.push(conditions[name]);
      bindings[name] = value;
    }
    const sql = `SELECT ${ROW_COLUMNS} FROM compute_audit WHERE ${where.join(" AND ")} ORDER BY seq DESC LIMIT $limit`;
    return this.store.all<RawRow>(sql, bindings).map(rowFrom);
  }

  async chain(businessId: string, afterSeq: number, limit: number): Promise<AuditRow[]> {
    const sql = `SELECT ${ROW_COLUMNS} FROM compute_audit
      WHERE business_id = $businessId AND seq > $afterSeq ORDER BY seq LIMIT $limit`;
    return this.store.all<RawRow>(sql, { businessId, afterSeq, limit }).map(rowFrom);
  }

  async heads(afterBusinessId: string | undefined, limit: number): Promise<AuditHead[]> {
    const sql = `SELECT ${HEAD_COLUMNS} FROM compute_audit_heads
      WHERE business_id > $after ORDER BY business_id LIMIT $limit`;
    return this.store.all<AuditHead>(sql, { after: afterBusinessId ?? "", limit });
  }

  private readHead(businessId: string): AuditHead | undefined {
    const sql = `SELECT ${HEAD_COLUMNS} FROM compute_audit_heads WHERE business_id = $businessId`;
    return this.store.get<AuditHead>(sql, { businessId });
  }

  private replaceHead(before: AuditHead | undefined, head: AuditHead): boolean {
    const { businessId, seq, hash, baseSeq, baseHash, seal } = head;
    if (this.readHead(businessId)?.seal !== before?.seal) return false;
    this.store.run(
      `INSERT INTO compute_audit_heads (business_id, seq, hash, base_seq, base_hash, seal)
       VALUES ($businessId, $seq, $hash, $baseSeq, $baseHash, $seal)
       ON CONFLICT (business_id) DO UPDATE SET
         seq = excluded.seq, hash = excluded.hash, base_seq = excluded.base_seq,
         base_hash = excluded.base_hash, seal = excluded.seal`,
      { businessId, seq, hash, baseSeq, baseHash, seal },
    );
    return true;
  }
}

type RawRow = Omit<AuditRow, "userId"> & { userId: string | null };

function rowFrom(row: RawRow): AuditRow {
  return { ...row, userId: row.userId ?? undefined };
}
