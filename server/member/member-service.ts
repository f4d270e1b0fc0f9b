import type { Identity, Role } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { INVITATION_SECONDS, MAX_INVITATIONS } from "../../shared/member.ts";
import { may } from "../../shared/roles.ts";
import { digestOf, newSecret } from "../auth/bearer-secret.ts";
import type { InvitationRecord, InvitationStore } from "../auth/invitation-store.ts";
import type { MembershipRecord, PersonStore } from "../auth/person-store.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { requireRight } from "../http/check-right.ts";
import type { InvitationFacts, Invitations } from "../people/contract.ts";

/** Sends mail in the background. */
export interface Postman {
  /** Throws `unavailable` while too many mails wait. */
  requireRoom(): void;
  post(mail: { to: string; subject: string; text: string }): void;
}

export interface MemberServiceParts {
  people: PersonStore;
  sessions: Pick<SessionStore, "findMember" | "liveOf">;
  invitations: InvitationStore;
  /** Absent: the server sends no mail. */
  mailer?: Postman | undefined;
  /** Ends what a session that was revoked still has open: streams, waits and nodes. */
  onSessionRevoked(sessionId: string): Promise<void>;
  /** Called when somebody has joined a business. */
  onJoined(businessId: string): void;
  now: () => number;
}

/** Who belongs to a business: people, their roles, and invitations. */
export class MemberService implements Invitations {
  constructor(private readonly parts: MemberServiceParts) {}

  /** @param origin the server's URL, which the link begins with. */
  async invite(by: Identity, { role, email }: { role: Role; email?: string | undefined }, origin: string) {
    const { invitations, mailer, now } = this.parts;
    if (role === "owner") requireRight(by, "members.change-owners");
    if (email !== undefined) mailer?.requireRoom();
    const token = newSecret();
    const nowMs = now();
    const invitation: InvitationRecord = {
      invitationId: newId("inv"),
      businessId: by.businessId,
      role,
      email,
      invitedBy: by.userId,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + INVITATION_SECONDS * 1_000,
    };
    if (!(await invitations.create(invitation, digestOf(token), MAX_INVITATIONS))) {
      const detail = `${by.businessName} has ${MAX_INVITATIONS} open invitations, which is the most. Revoke some first.`;
      throw new ComputeError("conflict", detail);
    }
    const url = `${origin}/invitation/${token}`;
    if (email !== undefined) mailer?.post(mailOf(by, role, email, url));
    return { invitation, url, mailed: email !== undefined && mailer !== undefined };
  }

  async find(token: string): Promise<InvitationFacts | undefined> {
    const invitation = await this.parts.invitations.find(digestOf(token), this.parts.now());
    const inviter = invitation && (await this.inviterOf(invitation));
    if (!inviter) return undefined;
    const { role, email } = invitation;
    return { businessName: inviter.businessName, role, email, invitedBy: inviter.userName };
  }

  async accept(token: string, userId: string): Promise<boolean> {
    if (!(await this.find(token))) return false;
    const { invitations, onJoined, now } = this.parts;
    const accepted = await invitations.accept(digestOf(token), userId, now());
    if (accepted) onJoined(accepted.businessId);
    return accepted !== undefined;
  }

  /** By name, email address or id. Throws `not_found`. */
  async member(by: Identity, user: string): Promise<MembershipRecord> {
    const { people, sessions } = this.parts;
    const { businessId, businessName } = by;
    const named = await sessions.findMember(businessId, user);
    const userId = named?.userId ?? (await people.findByEmail(user.toLowerCase()))?.userId;
    const found = userId === undefined ? undefined : await people.membership(businessId, userId);
    if (found) return found;
    throw new ComputeError("not_found", `Nobody called ${user} belongs to ${businessName}.`);
  }

  async changeRole(by: Identity, user: string, role: Role) {
    const before = await this.member(by, user);
    if (role === "owner" || before.role === "owner") requireRight(by, "members.change-owners");
    refuse(await this.parts.people.changeRole(by.businessId, before.userId, role), before);
    return { before, after: { ...before, role } };
  }

  /** Ends everything that the person has in the business. */
  async remove(by: Identity, user: string): Promise<MembershipRecord> {
    const { people, sessions, onSessionRevoked, now } = this.parts;
    const member = await this.member(by, user);
    if (member.role === "owner") requireRight(by, "members.change-owners");
    const { businessId, userId } = member;
    const ending = await sessions.liveOf(businessId, userId);
    refuse(await people.leave(businessId, userId, now()), member);
    await Promise.all(ending.map((sessionId) => onSessionRevoked(sessionId)));
    return member;
  }

  /** The person who invites, if they may still invite somebody for this role. */
  private async inviterOf({ businessId, invitedBy, role }: InvitationRecord) {
    const inviter = await this.parts.people.membership(businessId, invitedBy);
    const right = role === "owner" ? "members.change-owners" : "members.change";
    return may(inviter?.role, right) ? inviter : undefined;
  }
}

function refuse(outcome: "changed" | "missing" | "last-owner", member: MembershipRecord): void {
  const { userName, businessName } = member;
  if (outcome === "changed") return;
  if (outcome === "missing") {
    throw new ComputeError("not_found", `${userName} no longer belongs to ${businessName}.`);
  }
  throw new ComputeError(
    "conflict",
    `${userName} is the last owner of ${businessName}, and a business needs one. Make somebody else an owner first.`,
  );
}

function mailOf(by: Identity, role: Role, to: string, url: string) {
  const { userName, businessName } = by;
  return {
    to,
    subject: `${userName} invites you to ${businessName}`,
    text: `${userName} invites you to ${businessName} as ${role}.

Open this link to join. It works once, and for seven days:

${url}

If you do not know ${userName}, ignore this mail.
`,
  };
}
