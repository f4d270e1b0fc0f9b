import type { RecordAudit } from "../../shared/audit.ts";
import { CLI_CLIENT_ID } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { EndSession, Tokens } from "../auth/tokens.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";

type AuthHandlers = Pick<
  Handlers,
  "auth.refresh" | "auth.logout" | "auth.whoami" | "auth.businesses" | "auth.switch"
>;

export interface AuthHandlerParts {
  sessions: SessionStore;
  people: PersonStore;
  tokens: Tokens;
  record: RecordAudit;
  endSession: EndSession;
  now: () => number;
}

export function authHandlers(parts: AuthHandlerParts): AuthHandlers {
  const { sessions, people, tokens, record, endSession, now } = parts;
  return {
    "auth.refresh": ({ refreshToken }) => tokens.refresh(refreshToken, endSession),
    "auth.logout": async (_input, context) => {
      await endSession(userOf(context).sessionId);
      return {};
    },
    "auth.whoami": async (_input, context) => {
      const { userId, userName, businessId, businessName, role, sessionId, ...by } = userOf(context);
      const session = await sessions.find(sessionId);
      const endsAtMs = by.apiKey ? by.accessUntilMs : session && tokens.endOf(session);
      return {
        ...{ userId, userName, businessId, businessName, role, sessionId },
        ...(by.apiKey && { apiKeyId: by.apiKey.apiKeyId }),
        ...(session && { signedInAt: isoTime(session.createdAtMs) }),
        ...(endsAtMs !== undefined && Number.isFinite(endsAtMs) && { sessionEndsAt: isoTime(endsAtMs) }),
      };
    },
    "auth.businesses": async (_input, context) => {
      const { userId, businessId: current } = userOf(context);
      const memberships = await people.memberships(userId);
      return {
        businesses: memberships.map(({ businessId, businessName, role }) => ({
          businessId,
          businessName,
          role,
          isCurrent: businessId === current,
        })),
      };
    },
    "auth.switch": async ({ refreshToken, business }, { from }) => {
      const { userId, userName, clientId = CLI_CLIENT_ID } = await tokens.sessionBehind(refreshToken);
      const wanted = (await people.memberships(userId)).find(
        ({ businessId, businessName }) => businessName === business || businessId === business,
      );
      const sessionId = newId("ses");
      const opened =
        wanted &&
        (await sessions.open({ sessionId, userId, businessId: wanted.businessId, clientId, nowMs: now() }));
      if (!opened) throw new ComputeError("not_found", `You belong to no business called ${business}.`);
      await record(opened.businessId, {
        event: "signed in",
        actor: { kind: "user", userId, userName, sessionId },
        ...(from !== undefined && { from }),
      });
      return tokens.issue(opened);
    },
  };
}
