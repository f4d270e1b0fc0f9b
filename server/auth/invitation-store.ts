import type { Role } from "../../shared/auth.ts";

/** An invitation into a business. Times are epoch milliseconds. */
export interface InvitationRecord {
  invitationId: string;
  businessId: string;
  role: Role;
  /** Whom it is for; lower case. */
  email: string | undefined;
  /** The id of the person who invites. */
  invitedBy: string;
  createdAtMs: number;
  expiresAtMs: number;
}

/**
 * Stores invitations until they are used, revoked or expired. Their tokens are stored only as SHA-256 hashes. Every
 * operation is safe to call from several servers at the same time, and its result is on disk when it resolves. What has
 * expired at `nowMs` does not exist. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface InvitationStore {
  /** Also removes what has expired in this business. Resolves with whether it had fewer than `max` invitations. */
  create(invitation: InvitationRecord, tokenHash: string, max: number): Promise<boolean>;
  find(tokenHash: string, nowMs: number): Promise<InvitationRecord | undefined>;
  /** Newest first. */
  list(query: InvitationQuery): Promise<InvitationRecord[]>;
  /**
   * Uses the invitation up and makes the person a member, in one write; the role of a member stays. Of several calls at
   * once, only one resolves with the invitation.
   */
  accept(tokenHash: string, userId: string, nowMs: number): Promise<InvitationRecord | undefined>;
  /** Resolves with whether the business had such an invitation. */
  revoke(businessId: string, invitationId: string, nowMs: number): Promise<boolean>;
}

export interface InvitationQuery {
  businessId: string;
  nowMs: number;
  /** Only invitations with a smaller id. */
  beforeId: string | undefined;
  limit: number;
}
