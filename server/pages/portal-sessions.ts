import type { PersonStore } from "../auth/person-store.ts";
import type { EndSession } from "../auth/tokens.ts";
import { portalSessionId } from "../oauth/contract.ts";
import type { VisitStore } from "./visit-store.ts";

const MAX_BROWSERS = 1_000;

export interface PortalSessionParts {
  visits: VisitStore;
  people: Pick<PersonStore, "memberships">;
  endSession: EndSession;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The same store, but what ends the sign-in of a browser also ends what the portal may do there. */
export function endingPortalsToo({ visits, people, endSession, now }: PortalSessionParts): VisitStore {
  const endPortals = async (userId: string, visitIds: readonly string[]) => {
    const memberships = await people.memberships(userId);
    const ids = memberships.flatMap(({ businessId }) =>
      visitIds.map((id) => portalSessionId(id, businessId)),
    );
    await Promise.all(ids.map(endSession));
  };
  const end: VisitStore["end"] = async (userId, sessionId) => {
    const isEnded = await visits.end(userId, sessionId);
    if (isEnded) await endPortals(userId, [sessionId]);
    return isEnded;
  };
  const endOthers: VisitStore["endOthers"] = async (userId, sessionId) => {
    const all = await visits.list(userId, now(), MAX_BROWSERS);
    await visits.endOthers(userId, sessionId);
    const others = all.map((session) => session.sessionId).filter((id) => id !== sessionId);
    await endPortals(userId, others);
  };
  return Object.assign(Object.create(visits) as VisitStore, { end, endOthers });
}
