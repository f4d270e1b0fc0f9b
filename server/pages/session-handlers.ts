import { ComputeError } from "../../shared/errors.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import { portalSessionId } from "../oauth/contract.ts";
import { browserName } from "./browser-name.ts";
import type { Programs } from "./programs.ts";
import type { VisitStore } from "./visit-store.ts";

export interface SessionHandlerParts {
  visits: VisitStore;
  programs: Programs;
  now: () => number;
}

const MAX_SESSIONS = 50;

/** Where a person is signed in, as `/account` shows it. */
export function sessionHandlers({
  visits,
  programs,
  now,
}: SessionHandlerParts): Pick<Handlers, "auth.sessions" | "auth.end-session"> {
  return {
    "auth.sessions": async (_, context) => {
      const { userId, businessId, sessionId: current } = userOf(context);
      const [browsers, signedIn] = await Promise.all([
        visits.list(userId, now(), MAX_SESSIONS),
        programs.list(userId, MAX_SESSIONS),
      ]);
      const portalIn = (visitId: string, business = businessId) => portalSessionId(visitId, business);
      const shown = browsers.map((one) => ({
        sessionId: one.sessionId,
        kind: "browser" as const,
        name: browserName(one.agent),
        from: one.from,
        signedInAt: isoTime(one.createdAtMs),
        lastUsedAt: isoTime(one.usedAtMs),
        isCurrent: portalIn(one.sessionId) === current,
      }));
      // The portal is a program too, which is part of its browser.
      const isPortal = ({ sessionId, businessId }: { sessionId: string; businessId: string }) =>
        browsers.some((browser) => portalIn(browser.sessionId, businessId) === sessionId);
      const others = signedIn.filter((program) => !isPortal(program));
      const shownPrograms = others.map(({ createdAtMs, renewedAtMs, ...program }) => ({
        ...program,
        kind: "program" as const,
        signedInAt: isoTime(createdAtMs),
        lastUsedAt: isoTime(renewedAtMs),
        isCurrent: program.sessionId === current,
      }));
      return {
        sessions: [...shown, ...shownPrograms].sort((a, b) => (a.signedInAt < b.signedInAt ? 1 : -1)),
      };
    },
    "auth.end-session": async ({ sessionId }, context) => {
      const { userId } = userOf(context);
      if (await visits.end(userId, sessionId)) return { sessionId };
      if (await programs.end(userId, sessionId)) return { sessionId };
      throw new ComputeError(
        "not_found",
        `You are not signed in with ${sessionId}. It may have ended already.`,
      );
    },
  };
}
