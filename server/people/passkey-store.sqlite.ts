import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { PasskeyRecord, PasskeyStore } from "./passkey-store.ts";

export const passkeyMigrations: Migration[] = [
  {
    id: "passkey-1",
    sql: `
      CREATE TABLE compute_passkeys (
        passkey_id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        rp_id TEXT NOT NULL,
        public_key BLOB NOT NULL,
        counter INTEGER NOT NULL,
        transports TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_passkeys_by_person ON compute_passkeys (user_id, created_at);
    `,
  },
];

interface PasskeyRow {
  passkey_id: string;
  user_id: string;
  rp_id: string;
  public_key: Uint8Array;
  counter: number;
  transports: string;
  name: string;
  created_at: number;
  last_used_at: number | null;
}

export class SqlitePasskeyStore implements PasskeyStore {
  constructor(private readonly store: SqliteStore) {}

  add({ transports, publicKey, ...passkey }: PasskeyRecord): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `INSERT INTO compute_passkeys (passkey_id, user_id, rp_id, public_key, counter, transports, name, created_at,
             last_used_at)
           VALUES ($passkeyId, $userId, $rpId, $publicKey, $counter, $transports, $name, $createdAtMs, $lastUsedAtMs)
           ON CONFLICT DO NOTHING`,
          { ...passkey, publicKey, transports: JSON.stringify(transports) },
        ) === 1,
    );
  }

  async find(passkeyId: string): Promise<PasskeyRecord | undefined> {
    const sql = "SELECT * FROM compute_passkeys WHERE passkey_id = $passkeyId";
    const row = this.store.get<PasskeyRow>(sql, { passkeyId });
    return row && passkeyFrom(row);
  }

  async ofPerson(userId: string): Promise<PasskeyRecord[]> {
    const sql = "SELECT * FROM compute_passkeys WHERE user_id = $userId ORDER BY created_at, passkey_id";
    return this.store.all<PasskeyRow>(sql, { userId }).map(passkeyFrom);
  }

  use(passkeyId: string, { before, after }: { before: number; after: number }, nowMs: number) {
    return this.store.write(
      () =>
        this.store.run(
          `UPDATE compute_passkeys SET counter = $after, last_used_at = $nowMs
           WHERE passkey_id = $passkeyId AND counter = $before`,
          { passkeyId, before, after, nowMs },
        ) === 1,
    );
  }

  remove(userId: string, passkeyId: string): Promise<boolean> {
    const sql = "DELETE FROM compute_passkeys WHERE passkey_id = $passkeyId AND user_id = $userId";
    return this.store.write(() => this.store.run(sql, { passkeyId, userId }) === 1);
  }

  async hasAny(): Promise<boolean> {
    return this.store.get("SELECT 1 FROM compute_passkeys LIMIT 1") !== undefined;
  }
}

function passkeyFrom(row: PasskeyRow): PasskeyRecord {
  return {
    passkeyId: row.passkey_id,
    userId: row.user_id,
    rpId: row.rp_id,
    publicKey: new Uint8Array(row.public_key),
    counter: row.counter,
    transports: JSON.parse(row.transports),
    name: row.name,
    createdAtMs: row.created_at,
    lastUsedAtMs: row.last_used_at ?? undefined,
  };
}
