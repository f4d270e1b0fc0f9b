import type { Migration, SqliteStore } from "../store/sqlite.ts";
import {
  type CodeRecord,
  type DeviceRecord,
  type DeviceRoom,
  type DeviceStatus,
  type GrantStore,
  type NewCode,
  type NewDevice,
  wordsOf,
} from "./grant-store.ts";

export const oauthMigrations: Migration[] = [
  {
    id: "oauth-1",
    sql: `
      CREATE TABLE compute_oauth_codes (
        code_hash TEXT PRIMARY KEY,
        client_id TEXT NOT NULL,
        redirect_uri TEXT NOT NULL,
        code_challenge TEXT NOT NULL,
        scope TEXT NOT NULL,
        nonce TEXT,
        user_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        session_id TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_oauth_codes_by_expiry ON compute_oauth_codes (expires_at);
      CREATE TABLE compute_oauth_devices (
        device_hash TEXT PRIMARY KEY,
        user_code TEXT NOT NULL UNIQUE,
        client_id TEXT NOT NULL,
        scope TEXT NOT NULL,
        from_address TEXT,
        agent TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        interval_seconds INTEGER NOT NULL,
        polled_at INTEGER,
        status TEXT NOT NULL,
        user_id TEXT,
        business_id TEXT,
        session_id TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_oauth_devices_by_expiry ON compute_oauth_devices (expires_at);
      CREATE INDEX compute_oauth_devices_by_address ON compute_oauth_devices (from_address, expires_at);
    `,
  },
  { id: "oauth-2", sql: "ALTER TABLE compute_oauth_codes ADD COLUMN visit_id TEXT;" },
];

interface CodeRow {
  code_hash: string;
  client_id: string;
  redirect_uri: string;
  code_challenge: string;
  scope: string;
  nonce: string | null;
  user_id: string;
  business_id: string;
  visit_id: string | null;
  created_at: number;
  expires_at: number;
  session_id: string | null;
}
interface DeviceRow {
  device_hash: string;
  user_code: string;
  client_id: string;
  scope: string;
  from_address: string | null;
  agent: string | null;
  created_at: number;
  expires_at: number;
  interval_seconds: number;
  polled_at: number | null;
  status: string;
  user_id: string | null;
  business_id: string | null;
  session_id: string | null;
}

export class SqliteGrantStore implements GrantStore {
  constructor(private readonly store: SqliteStore) {}

  addCode({ scope, nonce, visitId, ...code }: NewCode): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_oauth_codes (code_hash, client_id, redirect_uri, code_challenge, scope, nonce, user_id,
           business_id, visit_id, created_at, expires_at)
         VALUES ($codeHash, $clientId, $redirectUri, $codeChallenge, $scope, $nonce, $userId, $businessId,
           $visitId, $createdAtMs, $expiresAtMs)`,
        { ...code, scope: scope.join(" "), nonce: nonce ?? null, visitId: visitId ?? null },
      );
    });
  }

  async findCode(codeHash: string): Promise<CodeRecord | undefined> {
    const sql = "SELECT * FROM compute_oauth_codes WHERE code_hash = $codeHash";
    const row = this.store.get<CodeRow>(sql, { codeHash });
    return row && codeFromRow(row);
  }

  redeemCode(codeHash: string, sessionId: string, nowMs: number): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `UPDATE compute_oauth_codes SET session_id = $sessionId
           WHERE code_hash = $codeHash AND session_id IS NULL AND expires_at > $nowMs`,
          { codeHash, sessionId, nowMs },
        ) === 1,
    );
  }

  addDevice(
    { scope, from: fromAddress, agent, ...device }: NewDevice,
    { inAll, perAddress }: DeviceRoom,
  ): Promise<"added" | "full" | "code-taken"> {
    return this.store.write(() => {
      const { createdAtMs: nowMs } = device;
      const from = fromAddress ?? null;
      const waiting = this.count("expires_at > $nowMs", { nowMs, limit: inAll });
      const here = this.count("from_address IS $from AND expires_at > $nowMs", {
        from,
        nowMs,
        limit: perAddress,
      });
      if (waiting >= inAll || here >= perAddress) return "full";
      const added = this.store.run(
        `INSERT INTO compute_oauth_devices (device_hash, user_code, client_id, scope, from_address, agent, created_at,
           expires_at, interval_seconds, status)
         VALUES ($deviceHash, $userCode, $clientId, $scope, $from, $agent, $createdAtMs, $expiresAtMs,
           $intervalSeconds, 'waiting')
         ON CONFLICT (user_code) DO NOTHING`,
        { ...device, scope: scope.join(" "), from, agent: agent ?? null },
      );
      return added === 1 ? "added" : "code-taken";
    });
  }

  async findDevice(deviceHash: string): Promise<DeviceRecord | undefined> {
    return this.read(deviceHash);
  }

  async findWaiting(userCode: string, nowMs: number): Promise<DeviceRecord | undefined> {
    const row = this.store.get<DeviceRow>(
      `SELECT * FROM compute_oauth_devices
       WHERE user_code = $userCode AND status = 'waiting' AND expires_at > $nowMs`,
      { userCode, nowMs },
    );
    return row && deviceFromRow(row);
  }

  poll(deviceHash: string, nowMs: number): Promise<DeviceRecord | undefined> {
    return this.store.write(() => {
      const before = this.read(deviceHash);
      const sql = "UPDATE compute_oauth_devices SET polled_at = $nowMs WHERE device_hash = $deviceHash";
      this.store.run(sql, { deviceHash, nowMs });
      return before;
    });
  }

  slowDown(deviceHash: string, bySeconds: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `UPDATE compute_oauth_devices SET interval_seconds = interval_seconds + $bySeconds
         WHERE device_hash = $deviceHash`,
        { deviceHash, bySeconds },
      );
    });
  }

  answer(
    userCode: string,
    by: { userId: string; businessId: string } | undefined,
    nowMs: number,
  ): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `UPDATE compute_oauth_devices SET status = $status, user_id = $userId, business_id = $businessId
           WHERE user_code = $userCode AND status = 'waiting' AND expires_at > $nowMs`,
          {
            userCode,
            nowMs,
            status: by ? "allowed" : "denied",
            userId: by?.userId ?? null,
            businessId: by?.businessId ?? null,
          },
        ) === 1,
    );
  }

  redeemDevice(deviceHash: string, sessionId: string, nowMs: number): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `UPDATE compute_oauth_devices SET status = 'taken', session_id = $sessionId
           WHERE device_hash = $deviceHash AND status = 'allowed' AND expires_at > $nowMs`,
          { deviceHash, sessionId, nowMs },
        ) === 1,
    );
  }

  removeExpired(beforeMs: number): Promise<void> {
    return this.store.write(() => {
      for (const table of ["compute_oauth_codes", "compute_oauth_devices"])
        this.store.run(`DELETE FROM ${table} WHERE expires_at < $beforeMs`, { beforeMs });
    });
  }

  private read(deviceHash: string): DeviceRecord | undefined {
    const sql = "SELECT * FROM compute_oauth_devices WHERE device_hash = $deviceHash";
    const row = this.store.get<DeviceRow>(sql, { deviceHash });
    return row && deviceFromRow(row);
  }

  /** How many devices there are, up to the limit. */
  private count(where: string, values: { nowMs: number; limit: number; from?: string | null }): number {
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM compute_oauth_devices WHERE ${where} LIMIT $limit)`;
    return this.store.get<{ n: number }>(sql, values)?.n ?? 0;
  }
}

function codeFromRow(row: CodeRow): CodeRecord {
  return {
    codeHash: row.code_hash,
    clientId: row.client_id,
    redirectUri: row.redirect_uri,
    codeChallenge: row.code_challenge,
    scope: wordsOf(row.scope),
    ...(row.nonce !== null && { nonce: row.nonce }),
    userId: row.user_id,
    businessId: row.business_id,
    ...(row.visit_id !== null && { visitId: row.visit_id }),
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    ...(row.session_id !== null && { sessionId: row.session_id }),
  };
}

function deviceFromRow(row: DeviceRow): DeviceRecord {
  return {
    deviceHash: row.device_hash,
    userCode: row.user_code,
    clientId: row.client_id,
    scope: wordsOf(row.scope),
    ...(row.from_address !== null && { from: row.from_address }),
    ...(row.agent !== null && { agent: row.agent }),
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    intervalSeconds: row.interval_seconds,
    ...(row.polled_at !== null && { polledAtMs: row.polled_at }),
    status: row.status as DeviceStatus,
    ...(row.user_id !== null && { userId: row.user_id }),
    ...(row.business_id !== null && { businessId: row.business_id }),
    ...(row.session_id !== null && { sessionId: row.session_id }),
  };
}
