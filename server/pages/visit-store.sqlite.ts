import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { BrowserSession, LinkPurpose, OneTimeLink, VisitStore } from "./visit-store.ts";

export const visitMigrations: Migration[] = [
  {
    id: "visit-1",
    sql: `
      CREATE TABLE compute_browser_sessions (
        session_id TEXT PRIMARY KEY,
        token_hash TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        from_address TEXT,
        agent TEXT
      ) STRICT;
      CREATE INDEX compute_browser_sessions_of_user ON compute_browser_sessions (user_id);
      CREATE INDEX compute_browser_sessions_by_expiry ON compute_browser_sessions (expires_at);
      CREATE TABLE compute_one_time_links (
        token_hash TEXT PRIMARY KEY,
        purpose TEXT NOT NULL,
        user_id TEXT,
        expires_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX compute_one_time_links_by_expiry ON compute_one_time_links (expires_at);
    `,
  },
];

interface SessionRow {
  session_id: string;
  user_id: string;
  created_at: number;
  used_at: number;
  expires_at: number;
  from_address: string | null;
  agent: string | null;
}
interface LinkRow {
  token_hash: string;
  purpose: LinkPurpose;
  user_id: string | null;
  expires_at: number;
}

const COLUMNS = "session_id, user_id, created_at, used_at, expires_at, from_address, agent";

export class SqliteVisitStore implements VisitStore {
  constructor(private readonly store: SqliteStore) {}

  open(session: BrowserSession, tokenHash: string): Promise<void> {
    const { sessionId, userId, createdAtMs, usedAtMs, expiresAtMs, from, agent } = session;
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_browser_sessions (${COLUMNS}, token_hash)
         VALUES ($sessionId, $userId, $createdAtMs, $usedAtMs, $expiresAtMs, $from, $agent, $tokenHash)`,
        {
          sessionId,
          userId,
          createdAtMs,
          usedAtMs,
          expiresAtMs,
          from: from ?? null,
          agent: agent ?? null,
          tokenHash,
        },
      );
    });
  }

  async find(tokenHash: string, nowMs: number): Promise<BrowserSession | undefined> {
    const row = this.store.get<SessionRow>(
      `SELECT ${COLUMNS} FROM compute_browser_sessions WHERE token_hash = $tokenHash AND expires_at > $nowMs`,
      { tokenHash, nowMs },
    );
    return row && sessionFrom(row);
  }

  use(sessionId: string, usedAtMs: number, expiresAtMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `UPDATE compute_browser_sessions SET used_at = $usedAtMs, expires_at = $expiresAtMs
         WHERE session_id = $sessionId`,
        { sessionId, usedAtMs, expiresAtMs },
      );
    });
  }

  async list(userId: string, nowMs: number, limit: number): Promise<BrowserSession[]> {
    const rows = this.store.all<SessionRow>(
      `SELECT ${COLUMNS} FROM compute_browser_sessions WHERE user_id = $userId AND expires_at > $nowMs
       ORDER BY created_at DESC, session_id DESC LIMIT $limit`,
      { userId, nowMs, limit },
    );
    return rows.map(sessionFrom);
  }

  end(userId: string, sessionId: string): Promise<boolean> {
    const sql = "DELETE FROM compute_browser_sessions WHERE session_id = $sessionId AND user_id = $userId";
    return this.store.write(() => this.store.run(sql, { sessionId, userId }) === 1);
  }

  endOthers(userId: string, sessionId: string): Promise<void> {
    const sql = "DELETE FROM compute_browser_sessions WHERE user_id = $userId AND session_id <> $sessionId";
    return this.store.write(() => void this.store.run(sql, { userId, sessionId }));
  }

  makeLink({ tokenHash, purpose, userId, expiresAtMs }: OneTimeLink): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_one_time_links (token_hash, purpose, user_id, expires_at)
         VALUES ($tokenHash, $purpose, $userId, $expiresAtMs)`,
        { tokenHash, purpose, userId: userId ?? null, expiresAtMs },
      );
    });
  }

  async link(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined> {
    const row = this.store.get<LinkRow>(
      "SELECT * FROM compute_one_time_links WHERE token_hash = $tokenHash AND expires_at > $nowMs",
      { tokenHash, nowMs },
    );
    return row && linkFrom(row);
  }

  takeLink(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined> {
    return this.store.write(() => {
      const row = this.store.get<LinkRow>(
        "DELETE FROM compute_one_time_links WHERE token_hash = $tokenHash AND expires_at > $nowMs RETURNING *",
        { tokenHash, nowMs },
      );
      return row && linkFrom(row);
    });
  }

  removeExpired(nowMs: number, limit: number): Promise<number> {
    return this.store.write(() => {
      let removed = 0;
      for (const table of ["compute_browser_sessions", "compute_one_time_links"]) {
        removed += this.store.run(
          `DELETE FROM ${table} WHERE rowid IN
             (SELECT rowid FROM ${table} WHERE expires_at <= $nowMs LIMIT $limit)`,
          { nowMs, limit },
        );
      }
      return removed;
    });
  }
}

function sessionFrom(row: SessionRow): BrowserSession {
  return {
    sessionId: row.session_id,
    userId: row.user_id,
    createdAtMs: row.created_at,
    usedAtMs: row.used_at,
    expiresAtMs: row.expires_at,
    from: row.from_address ?? undefined,
    agent: row.agent ?? undefined,
  };
}

function linkFrom(row: LinkRow): OneTimeLink {
  return {
    tokenHash: row.token_hash,
    purpose: row.purpose,
    userId: row.user_id ?? undefined,
    expiresAtMs: row.expires_at,
  };
}
