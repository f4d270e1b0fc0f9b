import { z } from "zod";
import { emailAddress, role } from "../auth.ts";
import { invitation, invitationId, member } from "../member.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";

/** A person of the business, by name, email address or id. */
const user = z.string().min(1).max(254);

export const memberEndpoints = defineEndpoints({
  "members.list": {
    method: "POST",
    path: "/api/compute/members/list",
    callers: ["user"],
    right: "members.read",
    summary: "The people of the business, and the role of each.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ members: z.array(member), ...pageOutput }),
    errors: ["storage_failed"],
    repeatable: true,
  },
  "members.invite": {
    method: "POST",
    path: "/api/compute/members/invite",
    callers: ["user"],
    right: "members.change",
    summary:
      "Make a link with which one person joins the business. It is valid once, for seven days. Only owners invite owners.",
    input: z.strictObject({
      role,
      /** Whom it is for. If the server has mail, the link is sent there. */
      email: emailAddress.optional(),
    }),
    output: invitation.extend({
      /** The link. No other answer has it. */
      url: z.url(),
      mailed: z.boolean(),
    }),
    errors: ["conflict", "storage_failed"],
    repeatable: false,
  },
  "members.invitations": {
    method: "POST",
    path: "/api/compute/members/invitations",
    callers: ["user"],
    right: "members.change",
    summary: "The invitations that nobody has used yet, newest first.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ invitations: z.array(invitation), ...pageOutput }),
    errors: ["storage_failed"],
    repeatable: true,
  },
  "members.revoke-invitation": {
    method: "POST",
    path: "/api/compute/members/revoke-invitation",
    callers: ["user"],
    right: "members.change",
    summary: "Make the link of an invitation useless.",
    input: z.strictObject({ invitationId }),
    output: z.object({ invitationId }),
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "members.change-role": {
    method: "POST",
    path: "/api/compute/members/change-role",
    callers: ["user"],
    right: "members.change",
    summary:
      "Give a person another role. It applies to their next request on every server. Only owners make owners and change their roles.",
    input: z.strictObject({ user, role }),
    output: member,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: true,
  },
  "members.remove": {
    method: "POST",
    path: "/api/compute/members/remove",
    callers: ["user"],
    right: "members.change",
    summary:
      "Remove a person from the business. Their sessions, keys and nodes there end immediately, and their schedules no longer fire. Only owners remove owners.",
    input: z.strictObject({ user }),
    output: member,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
});
