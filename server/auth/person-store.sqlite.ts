import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type {
  BusinessRecord,
  MembershipOutcome,
  MembershipRecord,
  NewPerson,
  PersonRecord,
  PersonStore,
} from "./person-store.ts";

/** They follow those of the session store, whose tables they extend. */
export const personMigrations: Migration[] = [
  {
    id: "person-1",
    sql: `
      ALTER TABLE compute_users ADD COLUMN email TEXT;
      ALTER TABLE compute_users ADD COLUMN password_hash TEXT;
      ALTER TABLE compute_users ADD COLUMN password_set_at INTEGER;
      CREATE UNIQUE INDEX compute_users_by_email ON compute_users (email) WHERE email IS NOT NULL;
      CREATE INDEX compute_users_with_password ON compute_users (password_set_at) WHERE password_set_at IS NOT NULL;
      CREATE INDEX compute_memberships_by_user ON compute_memberships (user_id, business_id);
      CREATE INDEX compute_sessions_by_member ON compute_sessions (user_id, business_id);
    `,
  },
];

interface PersonRow {
  user_id: string;
  name: string;
  email: string | null;
  password_hash: string | null;
  password_set_at: number | null;
  created_at: number;
}

interface MembershipRow {
  business_id: string;
  business_name: string;
  user_id: string;
  user_name: string;
  email: string | null;
  role: string;
}

const MEMBERSHIPS = `SELECT m.business_id, b.name AS business_name, m.user_id, u.name AS user_name, u.email, m.role
  FROM compute_memberships m
  JOIN compute_businesses b ON b.business_id = m.business_id
  JOIN compute_users u ON u.user_id = m.user_id`;

export class SqlitePersonStore implements PersonStore {
  constructor(private readonly store: SqliteStore) {}

  create(person: NewPerson): Promise<"created" | "name-taken" | "email-taken"> {
    return this.store.write(() => {
      const { userId, userName, email, passwordHash, nowMs } = person;
      if (this.where("name = $userName", { userName })) return "name-taken";
      if (email !== undefined && this.where("email = $email", { email })) return "email-taken";
      this.store.run(
        `INSERT INTO compute_users (user_id, name, email, password_hash, password_set_at, created_at)
         VALUES ($userId, $userName, $email, $passwordHash, $passwordSetAtMs, $nowMs)`,
        { userId, userName, email, passwordHash, passwordSetAtMs: passwordHash && nowMs, nowMs },
      );
      return "created";
    });
  }

  async find(userId: string): Promise<PersonRecord | undefined> {
    return this.where("user_id = $userId", { userId });
  }

  async findByEmail(email: string): Promise<PersonRecord | undefined> {
    return this.where("email = $email", { email });
  }

  setEmail(userId: string, email: string): Promise<boolean> {
    return this.store.write(() => {
      const holder = this.where("email = $email", { email });
      if (holder && holder.userId !== userId) return false;
      this.store.run("UPDATE compute_users SET email = $email WHERE user_id = $userId", { userId, email });
      return true;
    });
  }

  setPassword(userId: string, passwordHash: string, nowMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `UPDATE compute_users SET password_hash = $passwordHash, password_set_at = $nowMs WHERE user_id = $userId`,
        { userId, passwordHash, nowMs },
      );
    });
  }

  async anyoneHasPassword(): Promise<boolean> {
    const sql = "SELECT 1 FROM compute_users WHERE password_set_at IS NOT NULL LIMIT 1";
    return this.store.get(sql) !== undefined;
  }

  business(businessName: string, nowMs: number): Promise<BusinessRecord> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_businesses (business_id, name, created_at) VALUES ($businessId, $businessName, $nowMs)
         ON CONFLICT (name) DO NOTHING`,
        { businessId: newId("biz"), businessName, nowMs },
      );
      const sql =
        "SELECT business_id AS businessId, name AS businessName FROM compute_businesses WHERE name = $businessName";
      const found = this.store.get<BusinessRecord>(sql, { businessName });
      if (!found) throw new Error(`Business ${businessName} is missing after its insert`);
      return found;
    });
  }

  async memberships(userId: string): Promise<MembershipRecord[]> {
    const sql = `${MEMBERSHIPS} WHERE m.user_id = $userId ORDER BY b.name`;
    return this.store.all<MembershipRow>(sql, { userId }).map(membershipFrom);
  }

  async membership(businessId: string, userId: string): Promise<MembershipRecord | undefined> {
    const sql = `${MEMBERSHIPS} WHERE m.business_id = $businessId AND m.user_id = $userId`;
    const row = this.store.get<MembershipRow>(sql, { businessId, userId });
    return row && membershipFrom(row);
  }

  async members(
    businessId: string,
    afterUserId: string | undefined,
    limit: number,
  ): Promise<MembershipRecord[]> {
    const sql = `${MEMBERSHIPS} WHERE m.business_id = $businessId AND m.user_id > $after ORDER BY m.user_id LIMIT $limit`;
    const rows = this.store.all<MembershipRow>(sql, { businessId, after: afterUserId ?? "", limit });
    return rows.map(membershipFrom);
  }

  join(businessId: string, userId: string, role: Role): Promise<boolean> {
    return this.store.write(
      () =>
        this.store.run(
          `INSERT INTO compute_memberships (business_id, user_id, role) VALUES ($businessId, $userId, $role)
           ON CONFLICT DO NOTHING`,
          { businessId, userId, role },
        ) === 1,
    );
  }

  changeRole(businessId: string, userId: string, role: Role): Promise<MembershipOutcome> {
    return this.store.write(() => {
      if (role !== "owner" && this.isLastOwner(businessId, userId)) return "last-owner";
      const changed = this.store.run(
        "UPDATE compute_memberships SET role = $role WHERE business_id = $businessId AND user_id = $userId",
        { businessId, userId, role },
      );
      return changed === 1 ? "changed" : "missing";
    });
  }

  leave(businessId: string, userId: string, nowMs: number): Promise<MembershipOutcome> {
    return this.store.write(() => {
      if (this.isLastOwner(businessId, userId)) return "last-owner";
      const left = this.store.run(
        "DELETE FROM compute_memberships WHERE business_id = $businessId AND user_id = $userId",
        { businessId, userId },
      );
      if (left === 0) return "missing";
      this.store.run(
        `UPDATE compute_sessions SET revoked_at = $nowMs
         WHERE user_id = $userId AND business_id = $businessId AND revoked_at IS NULL`,
        { businessId, userId, nowMs },
      );
      return "changed";
    });
  }

  private isLastOwner(businessId: string, userId: string): boolean {
    const owners = this.store.all<{ user_id: string }>(
      "SELECT user_id FROM compute_memberships WHERE business_id = $businessId AND role = 'owner' LIMIT 2",
      { businessId },
    );
    return owners.length === 1 && owners[0]?.user_id === userId;
  }

  private where(condition: string, bindings: Record<string, string>): PersonRecord | undefined {
    const row = this.store.get<PersonRow>(`SELECT * FROM compute_users WHERE ${condition}`, bindings);
    if (!row) return undefined;
    return {
      userId: row.user_id,
      userName: row.name,
      ...(row.email !== null && { email: row.email }),
      ...(row.password_hash !== null && { passwordHash: row.password_hash }),
      ...(row.password_set_at !== null && { passwordSetAtMs: row.password_set_at }),
      createdAtMs: row.created_at,
    };
  }
}

function membershipFrom(row: MembershipRow): MembershipRecord {
  return {
    businessId: row.business_id,
    businessName: row.business_name,
    userId: row.user_id,
    userName: row.user_name,
    ...(row.email !== null && { email: row.email }),
    role: row.role as Role,
  };
}
