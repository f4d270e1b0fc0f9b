import { z } from "zod";
import { emailAddress, role } from "../auth.ts";
import { invitation, invitationId, member } from "../member.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { memberWire } from "./wire/member.ts";

/** A person of the business, by name, email address or id. */
const user = z.string().min(1).max(254);

export const memberEndpoints = defineEndpoints(memberWire, {
  "members.list": {
    right: "members.read",
    summary: "The people of the business, and the role of each.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ members: z.array(member), ...pageOutput }),
  },
  "members.invite": {
    right: "members.change",
    summary:
      "Make a link with which one person joins the business. It is valid once, for seven days. Only owners invite owners.",
    input: z.strictObject({
      role,
      /** Whom it is for. If the server has mail, the link is sent there. */
      email: emailAddress().optional(),
    }),
    output: invitation.extend({
      /** The link. No other answer has it. */
      url: z.url(),
      mailed: z.boolean(),
    }),
  },
  "members.invitations": {
    right: "members.change",
    summary: "The invitations that nobody has used yet, newest first.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ invitations: z.array(invitation), ...pageOutput }),
  },
  "members.revoke-invitation": {
    right: "members.change",
    summary: "Make the link of an invitation useless.",
    input: z.strictObject({ invitationId }),
    output: z.object({ invitationId }),
  },
  "members.change-role": {
    right: "members.change",
    summary:
      "Give a person another role. It applies to their next request on every server. Only owners make owners and change their roles.",
    input: z.strictObject({ user, role }),
    output: member,
  },
  "members.remove": {
    right: "members.change",
    summary:
      "Remove a person from the business. Their sessions, keys and nodes there end immediately, and their schedules no longer fire. Only owners remove owners.",
    input: z.strictObject({ user }),
    output: member,
  },
});
