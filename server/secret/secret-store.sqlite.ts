import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { dropTrashedSecrets, hasTrashedSecrets, putInTrash } from "../trash/trash-store.sqlite.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
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
  {
    id: "secret-2",
    sql: `
      ALTER TABLE compute_job_secrets ADD COLUMN expires_at INTEGER;
      CREATE INDEX compute_job_secrets_expires_at ON compute_job_secrets (expires_at) WHERE expires_at IS NOT NULL;
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
  expires_at: number | null;
}

const FACTS = "business_id, name, version, user_id, created_at, updated_at, expires_at";
const IS_VALID = "(expires_at IS NULL OR expires_at > $nowMs)";
const SEALED = "business_id AS businessId, name, sealed";
const KEY = "business_id AS businessId, key_id AS keyId, wrapped";

export class SqliteSecretStore implements SecretStore {
  constructor(private readonly store: SqliteStore) {}

  set(change: SecretChange): Promise<SetOutcome> {
    return this.store.write(() => {
      const { businessId, keyId, name, sealed, userId, nowMs, expiresAtMs = null, maxSecrets } = change;
      if (this.keyOf(businessId)?.keyId !== keyId) return { kind: "key-gone" };
      const changed = this.store.get<SecretRow>(
        `UPDATE compute_job_secrets SET version = version + 1, sealed = $sealed, user_id = $userId, updated_at = $nowMs,
           expires_at = $expiresAtMs
         WHERE business_id = $businessId AND name = $name RETURNING ${FACTS}`,
        { businessId, name, sealed, userId, nowMs, expiresAtMs },
      );
      if (changed) return { kind: "set", secret: recordFrom(changed) };
      if (this.count(businessId) >= maxSecrets) return { kind: "full" };
      this.store.run(
        `INSERT INTO compute_job_secrets (business_id, name, version, sealed, user_id, created_at, updated_at,
           expires_at)
         VALUES ($businessId, $name, 1, $sealed, $userId, $nowMs, $nowMs, $expiresAtMs)`,
        { businessId, name, sealed, userId, nowMs, expiresAtMs },
      );
      const times = {
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
        ...(expiresAtMs !== null && { expiresAtMs }),
      };
      return { kind: "set", secret: { businessId, name, version: 1, userId, ...times } };
    });
  }

  async list(
    businessId: string,
    afterName: string | undefined,
    limit: number,
    nowMs: number,
  ): Promise<SecretRecord[]> {
    const rows = this.store.all<SecretRow>(
      `SELECT ${FACTS} FROM compute_job_secrets WHERE business_id = $businessId AND name > $afterName
         AND ${IS_VALID}
       ORDER BY name LIMIT $limit`,
      { businessId, afterName: afterName ?? "", limit, nowMs },
    );
    return rows.map(recordFrom);
  }

  async known(businessId: string, names: readonly string[], nowMs: number): Promise<string[]> {
    const rows = this.store.all<{ name: string }>(
      `SELECT name FROM compute_job_secrets
       WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names)) AND ${IS_VALID}`,
      { businessId, names: JSON.stringify(names), nowMs },
    );
    return rows.map(({ name }) => name);
  }

  async find(businessId: string, names: readonly string[], nowMs: number): Promise<SealedSecret[]> {
    return this.store.all<SealedSecret>(
      `SELECT ${SEALED} FROM compute_job_secrets
       WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names)) AND ${IS_VALID}`,
      { businessId, names: JSON.stringify(names), nowMs },
    );
  }

  async remove(businessId: string, names: readonly string[], into?: IntoTrash): Promise<string[]> {
    if (into) return this.store.write(() => this.moveToTrash(businessId, names, into));
    let removed: string[] = [];
    await this.store.writeOver(() => {
      removed = this.store
        .all<{ name: string }>(
          `DELETE FROM compute_job_secrets
           WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names)) RETURNING name`,
          { businessId, names: JSON.stringify(names) },
        )
        .map(({ name }) => name);
      this.dropUnusedKey(businessId);
    });
    return removed;
  }

  private moveToTrash(businessId: string, names: readonly string[], into: IntoTrash): string[] {
    const found = this.store
      .all<{ name: string }>(
        `SELECT name FROM compute_job_secrets
         WHERE business_id = $businessId AND name IN (SELECT value FROM json_each($names))`,
        { businessId, names: JSON.stringify(names) },
      )
      .map(({ name }) => name);
    if (found.length === 0) return [];
    putInTrash(this.store, businessId, "secrets", found, into);
    return found;
  }

  async removeExpired(nowMs: number, limit: number): Promise<number> {
    let removed: { businessId: string }[] = [];
    await this.store.writeOver(() => {
      removed = this.store.all<{ businessId: string }>(
        `DELETE FROM compute_job_secrets WHERE rowid IN
           (SELECT rowid FROM compute_job_secrets WHERE expires_at <= $nowMs LIMIT $limit)
         RETURNING business_id AS businessId`,
        { nowMs, limit },
      );
      for (const one of new Set(removed.map(({ businessId }) => businessId))) this.dropUnusedKey(one);
    });
    return removed.length;
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

  async removeLostKey({ businessId, keyId, wrapped }: DataKey): Promise<boolean> {
    let removed = 0;
    await this.store.writeOver(() => {
      if (this.count(businessId) > 0) return;
      const where = { businessId, keyId, wrapped };
      removed = this.store.run(
        "DELETE FROM compute_data_keys WHERE business_id = $businessId AND key_id = $keyId AND wrapped = $wrapped",
        where,
      );
      if (removed > 0) dropTrashedSecrets(this.store, businessId);
    });
    return removed > 0;
  }

  private keyOf(businessId: string): DataKey | undefined {
    return this.store.get<DataKey>(`SELECT ${KEY} FROM compute_data_keys WHERE business_id = $businessId`, {
      businessId,
    });
  }

  private dropUnusedKey(businessId: string): void {
    if (this.count(businessId) > 0 || hasTrashedSecrets(this.store, businessId)) return;
    this.store.run("DELETE FROM compute_data_keys WHERE business_id = $businessId", { businessId });
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
    ...(row.expires_at !== null && { expiresAtMs: row.expires_at }),
  };
}
