import type { OwnUrls } from "../http/own-urls.ts";
import { memberHandlers } from "../member/handlers.ts";
import { MemberService, type MemberServiceParts } from "../member/member-service.ts";
import type { PlaneBase } from "./base.ts";

export interface MemberComposition extends Pick<MemberServiceParts, "mailer"> {
  urls: OwnUrls;
  /** Ends the access of the nodes that were registered with a session. */
  endNodes(sessionId: string): Promise<unknown>;
}

/** Who belongs to a business. */
export function composeMembers(
  { stores, bus, now }: PlaneBase,
  { urls, mailer, endNodes }: MemberComposition,
) {
  const { people, sessions, invitations } = stores;
  const onSessionRevoked = async (sessionId: string) => {
    await endNodes(sessionId);
    bus.publish("session", { sessionId });
  };
  const onJoined = (businessId: string) => bus.publish("activity", { businessId, subject: "members" });
  const parts = { people, sessions, invitations, mailer, onSessionRevoked, onJoined, now };
  const service = new MemberService(parts);
  return {
    /** What the page of an invitation uses. */
    invitations: service,
    handlers: memberHandlers({ service, people, invitations, publicUrl: () => urls.publicUrl, now }),
  };
}
