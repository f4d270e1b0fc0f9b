import type { Role } from "../../shared/auth.ts";
import type { JobType } from "../../shared/job-fields.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { ApiKeyListQuery, ApiKeyRecord, ApiKeyStore, CreateKeyOutcome } from "./api-key-store.ts";

export const apiKeyMigrations: Migration[] = [
  {
    id: "api-key-1",
    sql: `
      CREATE TABLE compute_api_keys (
        api_key_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        name TEXT NOT NULL,
        key_hash TEXT NOT NULL,
        role TEXT NOT NULL,
        read_only INTEGER NOT NULL,
        max_jobs_per_hour INTEGER,
        max_concurrent INTEGER,
        allowed_job_types TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        last_used_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX compute_api_keys_by_name ON compute_api_keys (business_id, user_id, name)
        WHERE revoked_at IS NULL;
      CREATE INDEX compute_api_keys_by_age ON compute_api_keys (business_id, created_at, api_key_id)
        WHERE revoked_at IS NULL;
    `,
  },
];

interface ApiKeyRow {
  api_key_id: string;
  business_id: string;
  user_id: string;
  session_id: string;
  name: string;
  key_hash: string;
  role: string;
  read_only: number;
  max_jobs_per_hour: number | null;
  max_concurrent: number | null;
  allowed_job_types: string | null;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

const OF_PERSON = "business_id = $businessId AND user_id = $userId AND revoked_at IS NULL";

export class SqliteApiKeyStore implements ApiKeyStore {
  constructor(private readonly store: SqliteStore) {}

  create(key: ApiKeyRecord, maxKeys: number): Promise<CreateKeyOutcome> {
    return this.store.write(() => {
      const { apiKeyId, businessId, userId, name } = key;
      const one = (where: string, bindings: Record<string, string>) =>
        this.store.get<{ count: number }>(
          `SELECT count(*) AS count FROM compute_api_keys WHERE ${where}`,
          bindings,
        )?.count ?? 0;
      if (one("api_key_id = $apiKeyId", { apiKeyId }) > 0) return "id-taken";
      if (one(`${OF_PERSON} AND name = $name`, { businessId, userId, name }) > 0) return "name-taken";
      if (one(OF_PERSON, { businessId, userId }) >= maxKeys) return "full";
      this.store.run(
        `INSERT INTO compute_api_keys (api_key_id, business_id, user_id, session_id, name, key_hash, role, read_only,
           max_jobs_per_hour, max_concurrent, allowed_job_types, created_at, expires_at)
         VALUES ($apiKeyId, $businessId, $userId, $sessionId, $name, $keyHash, $role, $readOnly,
           $maxJobsPerHour, $maxConcurrent, $allowedJobTypes, $createdAtMs, $expiresAtMs)`,
        {
          apiKeyId,
          businessId,
          userId,
          sessionId: key.sessionId,
          name,
          keyHash: key.keyHash,
          role: key.role,
          readOnly: key.readOnly ? 1 : 0,
          maxJobsPerHour: key.maxJobsPerHour ?? null,
          maxConcurrent: key.maxConcurrent ?? null,
          allowedJobTypes: key.allowedJobTypes ? JSON.stringify(key.allowedJobTypes) : null,
          createdAtMs: key.createdAtMs,
          expiresAtMs: key.expiresAtMs ?? null,
        },
      );
      return "created";
    });
  }

  async find(apiKeyId: string): Promise<ApiKeyRecord | undefined> {
    const row = this.store.get<ApiKeyRow>("SELECT * FROM compute_api_keys WHERE api_key_id = $apiKeyId", {
      apiKeyId,
    });
    return row && recordFrom(row);
  }

  async list({ businessId, userId, before, limit }: ApiKeyListQuery): Promise<ApiKeyRecord[]> {
    const rows = this.store.all<ApiKeyRow>(
      `SELECT * FROM compute_api_keys
       WHERE business_id = $businessId AND revoked_at IS NULL AND (created_at, api_key_id) < ($createdAt, $apiKeyId)
         ${userId === undefined ? "" : "AND user_id = $userId"}
       ORDER BY created_at DESC, api_key_id DESC LIMIT $limit`,
      {
        businessId,
        createdAt: before?.createdAtMs ?? Number.MAX_SAFE_INTEGER,
        apiKeyId: before?.apiKeyId ?? "",
        limit,
        ...(userId !== undefined && { userId }),
      },
    );
    return rows.map(recordFrom);
  }

  revoke(apiKeyId: string, nowMs: number): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          "UPDATE compute_api_keys SET revoked_at = $nowMs WHERE api_key_id = $apiKeyId AND revoked_at IS NULL",
          { apiKeyId, nowMs },
        ) === 1,
    );
  }

  async touch(apiKeyId: string, nowMs: number): Promise<void> {
    await this.store.write(() =>
      this.store.run(
        `UPDATE compute_api_keys SET last_used_at = $nowMs
         WHERE api_key_id = $apiKeyId AND coalesce(last_used_at, 0) < $nowMs`,
        { apiKeyId, nowMs },
      ),
    );
  }
}

function recordFrom(row: ApiKeyRow): ApiKeyRecord {
  return {
    apiKeyId: row.api_key_id,
    businessId: row.business_id,
    userId: row.user_id,
    sessionId: row.session_id,
    name: row.name,
    keyHash: row.key_hash,
    role: row.role as Role,
    readOnly: row.read_only === 1,
    maxJobsPerHour: row.max_jobs_per_hour ?? undefined,
    maxConcurrent: row.max_concurrent ?? undefined,
    allowedJobTypes: row.allowed_job_types
      ? (JSON.parse(row.allowed_job_types) as readonly JobType[])
      : undefined,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at ?? undefined,
    revokedAtMs: row.revoked_at ?? undefined,
    lastUsedAtMs: row.last_used_at ?? undefined,
  };
}
