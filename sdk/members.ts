import type { Role } from "../shared/auth.ts";
import type { EndpointOutput } from "../shared/endpoints/index.ts";
import type { Invitation, Member } from "../shared/member.ts";
import type { ComputeClient } from "./client.ts";
import { type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

/** The people of the business. A `user` is a name, an email address or an id. */
export class Members {
  constructor(private readonly client: ComputeClient) {}

  list(options: ListOptions = {}): AsyncGenerator<Member, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { members, nextCursor } = await call("members.list", {});
      return { rows: members, nextCursor };
    });
  }

  /** Makes a link with which one person joins. It is valid once, for seven days, and mailed if the server has mail. */
  invite(role: Role, options: Patience & { email?: string } = {}): Promise<EndpointOutput<"members.invite">> {
    const { email, ...patience } = options;
    return callPatiently(this.client, "members.invite", { role, email }, patience);
  }

  /** Lists the invitations that nobody has used yet. */
  invitations(options: ListOptions = {}): AsyncGenerator<Invitation, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { invitations, nextCursor } = await call("members.invitations", {});
      return { rows: invitations, nextCursor };
    });
  }

  async revokeInvitation(invitationId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "members.revoke-invitation", { invitationId }, options);
  }

  /** Gives a person another role, from their next request on. Throws `conflict` for the last owner. */
  changeRole(user: string, role: Role, options: Patience = {}): Promise<Member> {
    return callPatiently(this.client, "members.change-role", { user, role }, options);
  }

  /** Removes a person; their sessions, keys and nodes in the business end. Throws `conflict` for the last owner. */
  remove(user: string, options: Patience = {}): Promise<Member> {
    return callPatiently(this.client, "members.remove", { user }, options);
  }
}
