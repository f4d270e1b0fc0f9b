import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { readSecret, resealSecrets, Seal } from "./seal.ts";
import {
  ANY_AGE,
  type Member,
  type NewSession,
  type OpenedSession,
  type SessionRecord,
  type SessionStore,
} from "./session-store.ts";

export const authMigrations: Migration[] = [
  {
    id: "auth-1",
    sql: `
      CREATE TABLE compute_users (user_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
      CREATE TABLE compute_businesses (business_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
      CREATE TABLE compute_memberships (
        business_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (business_id, user_id)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_sessions (
        session_id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        business_id TEXT NOT NULL,
        generation INTEGER NOT NULL,
        rotated_at INTEGER NOT NULL,
        revoked_at INTEGER,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_secrets (name TEXT PRIMARY KEY, secret BLOB NOT NULL) STRICT;
      CREATE TABLE compute_used_ids (id TEXT PRIMARY KEY, used_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_used_ids_by_age ON compute_used_ids (used_at);
    `,
  },
  { id: "auth-2", sql: "ALTER TABLE compute_sessions ADD COLUMN client_id TEXT" },
];

interface SessionRow {
  session_id: string;
  user_id: string;
  user_name: string;
  business_id: string;
  business_name: string;
  role: string;
  generation: number;
  rotated_at: number;
  revoked_at: number | null;
  created_at: number;
  client_id: string | null;
}

export class SqliteSessionStore implements SessionStore {
  private readonly secretRows = {
    names: async () =>
      this.store
        .all<{ name: string }>("SELECT name FROM compute_secrets ORDER BY name")
        .map(({ name }) => name),
    findOrInsert: (name: string, fresh: Uint8Array) => this.findOrInsertSecret(name, fresh),
    replace: (name: string, before: Uint8Array, after: Uint8Array) =>
      this.store.writeOver(() =>
        this.store.run("UPDATE compute_secrets SET secret = $after WHERE name = $name AND secret = $before", {
          name,
          before,
          after,
        }),
      ),
  };

  constructor(
    private readonly store: SqliteStore,
    private readonly seal: Seal = Seal.none,
  ) {}

  create(session: NewSession): Promise<SessionRecord> {
    return this.store.write(() => {
      const { nowMs, sessionId } = session;
      const userId = this.idOf("compute_users", "user_id", session.userName, "usr", nowMs);
      const businessId = this.idOf("compute_businesses", "business_id", session.businessName, "biz", nowMs);
      this.store.run(
        `INSERT INTO compute_memberships (business_id, user_id, role) VALUES ($businessId, $userId, $role)
         ON CONFLICT DO NOTHING`,
        { businessId, userId, role: session.role },
      );
      this.store.run(
        `INSERT INTO compute_sessions (session_id, user_id, business_id, generation, rotated_at, created_at)
         VALUES ($sessionId, $userId, $businessId, 1, $nowMs, $nowMs)`,
        { sessionId, userId, businessId, nowMs },
      );
      const created = this.read(sessionId);
      if (!created) throw new Error(`Session ${sessionId} is missing after its insert`);
      return created;
    });
  }

  open({
    sessionId,
    userId,
    businessId,
    clientId,
    nowMs,
  }: OpenedSession): Promise<SessionRecord | undefined> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_sessions
           (session_id, user_id, business_id, generation, rotated_at, created_at, client_id)
         SELECT $sessionId, user_id, business_id, 1, $nowMs, $nowMs, $clientId
         FROM compute_memberships WHERE business_id = $businessId AND user_id = $userId`,
        { sessionId, userId, businessId, clientId, nowMs },
      );
      return this.read(sessionId);
    });
  }

  async isLive(sessionId: string): Promise<boolean> {
    const row = this.store.get<{ revoked_at: number | null }>(
      "SELECT revoked_at FROM compute_sessions WHERE session_id = $sessionId",
      { sessionId },
    );
    return row?.revoked_at === null;
  }

  async liveRole({
    sessionId,
    businessId,
    userId,
  }: Pick<SessionRecord, "sessionId" | "businessId" | "userId">) {
    const key = `live role ${sessionId} ${businessId} ${userId}`;
    return this.store.recall(key, () => this.readLiveRole({ sessionId, businessId, userId }));
  }

  private readLiveRole(bindings: Record<string, string>): Role | undefined {
    const row = this.store.get<{ role: Role }>(
      `SELECT m.role FROM compute_sessions s, compute_memberships m
       WHERE s.session_id = +$sessionId AND s.revoked_at IS NULL AND s.business_id = +$businessId AND s.user_id = +$userId
         AND m.business_id = +$businessId AND m.user_id = +$userId`,
      bindings,
    );
    return row?.role;
  }

  async liveOf(businessId: string, userId: string): Promise<string[]> {
    const sql = `SELECT session_id FROM compute_sessions
      WHERE user_id = $userId AND business_id = $businessId AND revoked_at IS NULL`;
    return this.store.all<{ session_id: string }>(sql, { businessId, userId }).map((row) => row.session_id);
  }

  async find(sessionId: string): Promise<SessionRecord | undefined> {
    return this.read(sessionId);
  }

  async findMember(businessId: string, nameOrId: string): Promise<Member | undefined> {
    const [row] = this.store.all<Member>(
      `SELECT u.user_id AS userId, u.name AS userName, m.role AS role
       FROM compute_users u JOIN compute_memberships m ON m.user_id = u.user_id AND m.business_id = $businessId
       WHERE u.name = $nameOrId OR u.user_id = $nameOrId ORDER BY u.name = $nameOrId DESC LIMIT 1`,
      { businessId, nameOrId },
    );
    return row;
  }

  rotate(sessionId: string, generation: number, nowMs: number, since = ANY_AGE): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `UPDATE compute_sessions SET generation = generation + 1, rotated_at = $nowMs
           WHERE session_id = $sessionId AND generation = $generation AND revoked_at IS NULL
             AND rotated_at >= $rotatedAtMs AND created_at >= $createdAtMs`,
          { sessionId, generation, nowMs, ...since },
        ) === 1,
    );
  }

  revoke(sessionId: string, nowMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        "UPDATE compute_sessions SET revoked_at = $nowMs WHERE session_id = $sessionId AND revoked_at IS NULL",
        { sessionId, nowMs },
      );
    });
  }

  secret(name: string): Promise<Uint8Array> {
    return readSecret(this.secretRows, this.seal, name);
  }

  resealSecrets(): Promise<void> {
    return resealSecrets(this.secretRows, this.seal);
  }

  private findOrInsertSecret(name: string, fresh: Uint8Array): Promise<Uint8Array> {
    return this.store.write(() => {
      const sql = "INSERT INTO compute_secrets (name, secret) VALUES ($name, $fresh) ON CONFLICT DO NOTHING";
      this.store.run(sql, { name, fresh });
      const found = "SELECT secret FROM compute_secrets WHERE name = $name";
      const row = this.store.get<{ secret: Uint8Array }>(found, { name });
      if (!row) throw new Error(`Secret ${name} is missing after its insert`);
      return row.secret;
    });
  }

  private read(sessionId: string): SessionRecord | undefined {
    const row = this.store.get<SessionRow>(
      `SELECT s.*, u.name AS user_name, b.name AS business_name, m.role AS role
       FROM compute_sessions s
       JOIN compute_users u ON u.user_id = s.user_id
       JOIN compute_businesses b ON b.business_id = s.business_id
       JOIN compute_memberships m ON m.business_id = s.business_id AND m.user_id = s.user_id
       WHERE s.session_id = $sessionId`,
      { sessionId },
    );
    return row && sessionFromRow(row);
  }

  /** The id of the row with this name. Inserts the row if it is missing. */
  private idOf(
    table: "compute_users" | "compute_businesses",
    column: "user_id" | "business_id",
    name: string,
    prefix: "usr" | "biz",
    nowMs: number,
  ): string {
    this.store.run(
      `INSERT INTO ${table} (${column}, name, created_at) VALUES ($id, $name, $nowMs) ON CONFLICT DO NOTHING`,
      { id: newId(prefix), name, nowMs },
    );
    const row = this.store.get<{ id: string }>(`SELECT ${column} AS id FROM ${table} WHERE name = $name`, {
      name,
    });
    if (!row) throw new Error(`${table} has no row ${name} after its insert`);
    return row.id;
  }
}

function sessionFromRow(row: SessionRow): SessionRecord {
  return {
    sessionId: row.session_id,
    userId: row.user_id,
    userName: row.user_name,
    businessId: row.business_id,
    businessName: row.business_name,
    role: row.role as SessionRecord["role"],
    clientId: row.client_id ?? undefined,
    generation: row.generation,
    rotatedAtMs: row.rotated_at,
    revokedAtMs: row.revoked_at ?? undefined,
    createdAtMs: row.created_at,
  };
}
