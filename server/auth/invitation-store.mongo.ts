import type { ClientSession, Collection } from "mongodb";
import type { Role } from "../../shared/auth.ts";
import { type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { InvitationQuery, InvitationRecord, InvitationStore } from "./invitation-store.ts";

interface InvitationDocument {
  invitation_id: string;
  token_hash: string;
  business_id: string;
  role: Role;
  email?: string;
  invited_by: string;
  created_at: number;
  expires_at: number;
}
interface MembershipDocument {
  business_id: string;
  user_id: string;
  role: Role;
}

export const invitationSteps = [
  collectionStep("invitation-1", "compute_invitations", [
    { key: { invitation_id: 1 }, unique: true },
    { key: { token_hash: 1 }, unique: true },
    { key: { business_id: 1, invitation_id: 1 } },
  ]),
];

export class MongoInvitationStore implements InvitationStore {
  private readonly invitations: Collection<InvitationDocument>;
  private readonly memberships: Collection<MembershipDocument>;
  private readonly businesses: Collection<{ business_id: string }>;

  constructor(private readonly store: MongoStore) {
    this.invitations = store.collection("compute_invitations");
    this.memberships = store.collection("compute_memberships");
    this.businesses = store.collection("compute_businesses");
  }

  create(invitation: InvitationRecord, tokenHash: string, max: number): Promise<boolean> {
    const { businessId: business_id, createdAtMs, email } = invitation;
    return this.inTransaction(async (session) => {
      // Of two that are made at the same time in one business, the second begins again and counts the first.
      await this.businesses.updateOne({ business_id }, { $inc: { invitations_made: 1 } }, { session });
      await this.invitations.deleteMany({ business_id, expires_at: { $lte: createdAtMs } }, { session });
      if ((await this.invitations.countDocuments({ business_id }, { session })) >= max) return false;
      const document: InvitationDocument = {
        invitation_id: invitation.invitationId,
        token_hash: tokenHash,
        business_id,
        role: invitation.role,
        ...(email !== undefined && { email }),
        invited_by: invitation.invitedBy,
        created_at: createdAtMs,
        expires_at: invitation.expiresAtMs,
      };
      await this.invitations.insertOne(document, { session });
      return true;
    });
  }

  find(tokenHash: string, nowMs: number): Promise<InvitationRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.invitations.findOne({ token_hash: tokenHash, expires_at: { $gt: nowMs } });
      return found ? invitationFrom(found) : undefined;
    });
  }

  list({ businessId, nowMs, beforeId = "~", limit }: InvitationQuery): Promise<InvitationRecord[]> {
    const where = {
      business_id: businessId,
      invitation_id: { $lt: beforeId },
      expires_at: { $gt: nowMs },
    };
    return this.store.attempt(async () => {
      const found = await this.invitations.find(where).sort({ invitation_id: -1 }).limit(limit).toArray();
      return found.map(invitationFrom);
    });
  }

  accept(tokenHash: string, userId: string, nowMs: number): Promise<InvitationRecord | undefined> {
    return this.inTransaction(async (session) => {
      const where = { token_hash: tokenHash, expires_at: { $gt: nowMs } };
      const found = await this.invitations.findOneAndDelete(where, { session });
      if (!found) return undefined;
      await this.memberships.updateOne(
        { business_id: found.business_id, user_id: userId },
        { $setOnInsert: { role: found.role } },
        { session, upsert: true },
      );
      return invitationFrom(found);
    });
  }

  revoke(businessId: string, invitationId: string, nowMs: number): Promise<boolean> {
    const where = { business_id: businessId, invitation_id: invitationId, expires_at: { $gt: nowMs } };
    return this.store.attempt(async () => (await this.invitations.deleteOne(where)).deletedCount === 1);
  }

  private inTransaction<T>(body: (session: ClientSession) => Promise<T>): Promise<T> {
    return this.store.attempt(() => outlastOthers(() => this.store.transaction(body)));
  }
}

function invitationFrom(document: InvitationDocument): InvitationRecord {
  return {
    invitationId: document.invitation_id,
    businessId: document.business_id,
    role: document.role,
    email: document.email,
    invitedBy: document.invited_by,
    createdAtMs: document.created_at,
    expiresAtMs: document.expires_at,
  };
}
