import type { RecordAudit } from "../../shared/audit.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { BrowserLinkAnswer, BrowserLinkRequest } from "../../shared/sockets/maintenance.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { OneTimeLinks } from "../pages/links.ts";

export interface BrowserLinkParts {
  sessions: SessionStore;
  links: OneTimeLinks;
  urls: OwnUrls;
  record: RecordAudit;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Makes a link that signs a browser in, for the account that runs the server: it owns the server, and so may act as any
 * user of its machine. Throws `not_found` if the URL is not the server's own.
 */
export async function browserLink(
  { sessions, links, urls, record, now }: BrowserLinkParts,
  { url: given, business: businessName, user: userName }: BrowserLinkRequest,
): Promise<BrowserLinkAnswer> {
  const url = urls.meantBy(given);
  if (url === undefined) {
    throw new ComputeError("not_found", `The server is at ${urls.all.join(" and ")}, not at ${given}.`);
  }
  const sessionId = newId("ses");
  const made = await sessions.create({ sessionId, userName, businessName, role: "owner", nowMs: now() });
  // Only a browser is to be signed in.
  await sessions.revoke(sessionId, now());
  const { userId, businessId } = made;
  const actor = { kind: "user", userId, userName } as const;
  await record(businessId, { event: "link for a browser made", actor, from: "socket" });
  return { url: url + (await links.open(userId)) };
}
