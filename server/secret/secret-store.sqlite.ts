import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type {
  DataKey,
  SealedSecret,
  SecretChange,
  SecretPlace,
  SecretRecord,
  SecretStore,
  SetOutcome,
} from "./secret-store.ts";

export const secretMigrations: Migration[] = [
  {
    id: "secret-1",
    sql: `
      CREATE TABLE compute_data_keys (business_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, wrapped BLOB NOT NULL)
        STRICT, WITHOUT ROWID;
      CREATE TABLE compute_job_secrets (
        business_id TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        user_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (business_id, name)
      ) STRICT;
    `,
  },
];

interface SecretRow {
  business_id: string;
  name: string;
  version: number;
  user_id: string;
  created_at: number;
  updated_at: number;
}

const FACTS = "business_id, name, version, user_id, created_at, updated_at";
const SEALED = "business_id AS businessId, name, sealed";
const KEY = "business_id AS businessId, key_id AS keyId, wrapped";

export class SqliteSecretStore implements SecretStore {
  constructor(private readonly store: SqliteStore) {}

  set(change: SecretChange): Promise<SetOutcome> {
    return this.store.write(() => {
      const { businessId, keyId, name, sealed, userId, nowMs, maxSecrets } = change;
      if (this.keyOf(businessId)?.keyId !== keyId) return { kind: "key-gone" };
      const changed = this.store.get<SecretRow>(
        `UPDATE compute_job_secrets SET version = version + 1, sealed = $sealed, user_id = $userId, updated_at = $nowMs
         WHERE business_id = $businessId AND name = $name RETURNING ${FACTS}`,
        { businessId, name, sealed, userId, nowMs },
      );
      if (changed) return { kind: "set", secret: recordFrom(changed) };
      if (this.count(businessId) >= maxSecrets) return { kind: "full" };
      this.store.run(
        `INSERT INTO compute_job_secrets (business_id, name, version, sealed, user_id, created_at, updated_at)
         VALUES ($businessId, $name, 1, $sealed, $userId, $nowMs, $nowMs)`,
        { businessId, name, sealed, userId, nowMs },
      );
      const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
      return { kind: "set", secret: { businessId, name, version: 1, userId, ...times } };
    });
  }

  async list(businessId: string, afterName: string | undefined, limit: number): Promise<SecretRecord[]> {
    const rows = this.store.all<SecretRow>(
      `SELECT ${FACTS} FROM compute_job_secrets WHERE business_id = $businessId AND name > $afterName
       ORDER BY name LIMIT $limit`,
      { businessId, afterName: afterName ?? "", limit },
    );
    return rows.map(recordFrom);
  }

  async known(businessId: string, names: readonly string[]): Promise<string[]> {
    const rows = this.store.all<{ name: string }>(
      `SELECT name FROM compute_job_secrets
       WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names))`,
      { businessId, names: JSON.stringify(names) },
    );
    return rows.map(({ name }) => name);
  }

  async find(businessId: string, names: readonly string[]): Promise<SealedSecret[]> {
    return this.store.all<SealedSecret>(
      `SELECT ${SEALED} FROM compute_job_secrets
       WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names))`,
      { businessId, names: JSON.stringify(names) },
    );
  }

  async remove(businessId: string, names: readonly string[]): Promise<string[]> {
    let removed: string[] = [];
    await this.store.writeOver(() => {
      removed = this.store
        .all<{ name: string }>(
          `DELETE FROM compute_job_secrets
           WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names)) RETURNING name`,
          { businessId, names: JSON.stringify(names) },
        )
        .map(({ name }) => name);
      if (this.count(businessId) > 0) return;
      this.store.run("DELETE FROM compute_data_keys WHERE business_id = $businessId", { businessId });
    });
    return removed;
  }

  async dataKey(businessId: string): Promise<DataKey | undefined> {
    return this.keyOf(businessId);
  }

  makeDataKey(fresh: DataKey): Promise<DataKey> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_data_keys (business_id, key_id, wrapped) VALUES ($businessId, $keyId, $wrapped)
         ON CONFLICT DO NOTHING`,
        { ...fresh },
      );
      return this.keyOf(fresh.businessId) ?? fresh;
    });
  }

  async rewrap({ businessId, keyId, wrapped: before }: DataKey, wrapped: Uint8Array): Promise<boolean> {
    let changed = 0;
    await this.store.writeOver(() => {
      changed = this.store.run(
        `UPDATE compute_data_keys SET wrapped = $wrapped
         WHERE business_id = $businessId AND key_id = $keyId AND wrapped = $before`,
        { businessId, keyId, before, wrapped },
      );
    });
    return changed === 1;
  }

  async dataKeys(afterBusinessId: string | undefined, limit: number): Promise<DataKey[]> {
    return this.store.all<DataKey>(
      `SELECT ${KEY} FROM compute_data_keys WHERE business_id > $after ORDER BY business_id LIMIT $limit`,
      { after: afterBusinessId ?? "", limit },
    );
  }

  async all(after: SecretPlace | undefined, limit: number): Promise<SealedSecret[]> {
    return this.store.all<SealedSecret>(
      `SELECT ${SEALED} FROM compute_job_secrets WHERE (business_id, name) > ($businessId, $name)
       ORDER BY business_id, name LIMIT $limit`,
      { businessId: after?.businessId ?? "", name: after?.name ?? "", limit },
    );
  }

  private keyOf(businessId: string): DataKey | undefined {
    return this.store.get<DataKey>(`SELECT ${KEY} FROM compute_data_keys WHERE business_id = $businessId`, {
      businessId,
    });
  }

  private count(businessId: string): number {
    const sql = "SELECT count(*) AS count FROM compute_job_secrets WHERE business_id = $businessId";
    return this.store.get<{ count: number }>(sql, { businessId })?.count ?? 0;
  }
}

function recordFrom(row: SecretRow): SecretRecord {
  return {
    businessId: row.business_id,
    name: row.name,
    version: row.version,
    userId: row.user_id,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}
