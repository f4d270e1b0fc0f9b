import type { Role } from "../../shared/auth.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import type { InvitationQuery, InvitationRecord, InvitationStore } from "./invitation-store.ts";

export const invitationMigrations: Migration[] = [
  {
    id: "invitation-1",
    sql: `
      CREATE TABLE compute_invitations (
        invitation_id TEXT PRIMARY KEY,
        token_hash TEXT NOT NULL UNIQUE,
        business_id TEXT NOT NULL,
        role TEXT NOT NULL,
        email TEXT,
        invited_by TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_invitations_by_business ON compute_invitations (business_id, invitation_id);
    `,
  },
];

interface InvitationRow {
  invitation_id: string;
  business_id: string;
  role: string;
  email: string | null;
  invited_by: string;
  created_at: number;
  expires_at: number;
}

export class SqliteInvitationStore implements InvitationStore {
  constructor(private readonly store: SqliteStore) {}

  create(invitation: InvitationRecord, tokenHash: string, max: number): Promise<boolean> {
    const { businessId, createdAtMs } = invitation;
    return this.store.write(() => {
      this.store.run(
        "DELETE FROM compute_invitations WHERE business_id = $businessId AND expires_at <= $createdAtMs",
        { businessId, createdAtMs },
      );
      const count = "SELECT count(*) AS open FROM compute_invitations WHERE business_id = $businessId";
      if ((this.store.get<{ open: number }>(count, { businessId })?.open ?? 0) >= max) return false;
      this.store.run(
        `INSERT INTO compute_invitations
           (invitation_id, token_hash, business_id, role, email, invited_by, created_at, expires_at)
         VALUES ($invitationId, $tokenHash, $businessId, $role, $email, $invitedBy, $createdAtMs, $expiresAtMs)`,
        { ...invitation, tokenHash },
      );
      return true;
    });
  }

  async find(tokenHash: string, nowMs: number): Promise<InvitationRecord | undefined> {
    return this.live(tokenHash, nowMs);
  }

  async list({ businessId, nowMs, beforeId = "~", limit }: InvitationQuery): Promise<InvitationRecord[]> {
    const rows = this.store.all<InvitationRow>(
      `SELECT * FROM compute_invitations
       WHERE business_id = $businessId AND invitation_id < $beforeId AND expires_at > $nowMs
       ORDER BY invitation_id DESC LIMIT $limit`,
      { businessId, beforeId, nowMs, limit },
    );
    return rows.map(invitationFrom);
  }

  accept(tokenHash: string, userId: string, nowMs: number): Promise<InvitationRecord | undefined> {
    return this.store.write(() => {
      const invitation = this.live(tokenHash, nowMs);
      if (!invitation) return undefined;
      const { invitationId, businessId, role } = invitation;
      this.store.run("DELETE FROM compute_invitations WHERE invitation_id = $invitationId", { invitationId });
      this.store.run(
        `INSERT INTO compute_memberships (business_id, user_id, role) VALUES ($businessId, $userId, $role)
         ON CONFLICT DO NOTHING`,
        { businessId, userId, role },
      );
      return invitation;
    });
  }

  revoke(businessId: string, invitationId: string, nowMs: number): Promise<boolean> {
    const sql = `DELETE FROM compute_invitations
      WHERE business_id = $businessId AND invitation_id = $invitationId AND expires_at > $nowMs`;
    return this.store.write(() => this.store.run(sql, { businessId, invitationId, nowMs }) === 1);
  }

  private live(tokenHash: string, nowMs: number): InvitationRecord | undefined {
    const row = this.store.get<InvitationRow>(
      "SELECT * FROM compute_invitations WHERE token_hash = $tokenHash AND expires_at > $nowMs",
      { tokenHash, nowMs },
    );
    return row && invitationFrom(row);
  }
}

function invitationFrom(row: InvitationRow): InvitationRecord {
  return {
    invitationId: row.invitation_id,
    businessId: row.business_id,
    role: row.role as Role,
    email: row.email ?? undefined,
    invitedBy: row.invited_by,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
  };
}
