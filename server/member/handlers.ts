import { ComputeError } from "../../shared/errors.ts";
import { userId } from "../../shared/ids.ts";
import { type Invitation, invitationId, type Member } from "../../shared/member.ts";
import type { InvitationRecord, InvitationStore } from "../auth/invitation-store.ts";
import type { MembershipRecord, PersonStore } from "../auth/person-store.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import { readPage } from "../http/page.ts";
import type { MemberService } from "./member-service.ts";

export interface MemberHandlerParts {
  service: MemberService;
  people: PersonStore;
  invitations: InvitationStore;
  /** The URL that others use for this server, if it is not the one of the request. */
  publicUrl(): string | undefined;
  now: () => number;
}

type MemberHandlers = Pick<Handlers, Extract<keyof Handlers, `members.${string}`>>;

export function memberHandlers(parts: MemberHandlerParts): MemberHandlers {
  const { service, people, invitations, publicUrl, now } = parts;
  const viewOf = async (record: InvitationRecord): Promise<Invitation> => {
    const inviter = await people.membership(record.businessId, record.invitedBy);
    return {
      invitationId: record.invitationId,
      role: record.role,
      email: record.email,
      invitedBy: inviter?.userName ?? record.invitedBy,
      createdAt: isoTime(record.createdAtMs),
      expiresAt: isoTime(record.expiresAtMs),
    };
  };
  return {
    "members.list": async (page, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        userId,
        (after, limit) => people.members(businessId, after, limit),
        (row) => row.userId,
      );
      return { members: rows.map(memberView), nextCursor };
    },
    "members.invite": async (input, context) => {
      const by = userOf(context);
      const { invitation, url, mailed } = await service.invite(by, input, publicUrl() ?? context.origin);
      return { ...(await viewOf(invitation)), url, mailed };
    },
    "members.invitations": async (page, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        invitationId,
        (beforeId, limit) => invitations.list({ businessId, nowMs: now(), beforeId, limit }),
        (row) => row.invitationId,
      );
      return { invitations: await Promise.all(rows.map(viewOf)), nextCursor };
    },
    "members.revoke-invitation": async ({ invitationId }, context) => {
      const { businessId, businessName } = userOf(context);
      if (await invitations.revoke(businessId, invitationId, now())) return { invitationId };
      throw new ComputeError(
        "not_found",
        `${businessName} has no invitation ${invitationId}. It may have been used, revoked or expired.`,
      );
    },
    "members.change-role": async ({ user, role }, context) => {
      const { before, after } = await service.changeRole(userOf(context), user, role);
      context.note({
        of: { userId: before.userId, userName: before.userName },
        before: { role: before.role },
        after: { role: after.role },
      });
      return memberView(after);
    },
    "members.remove": async ({ user }, context) => {
      const removed = await service.remove(userOf(context), user);
      context.note({
        of: { userId: removed.userId, userName: removed.userName },
        before: { role: removed.role },
      });
      return memberView(removed);
    },
  };
}

function memberView({ userId, userName, email, role }: MembershipRecord): Member {
  return { userId, userName, email, role };
}
