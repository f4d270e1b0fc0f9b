import type { SessionStore } from "../auth/session-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";

type AuthHandlers = Pick<Handlers, "auth.refresh" | "auth.logout" | "auth.whoami">;

export interface AuthHandlerParts {
  sessions: SessionStore;
  tokens: Tokens;
  bus: Bus;
  /** Called before a session ends, to remove what it gives access to. */
  onSessionEnd(sessionId: string): Promise<void>;
  now: () => number;
}

export function authHandlers({ sessions, tokens, bus, onSessionEnd, now }: AuthHandlerParts): AuthHandlers {
  const endSession = async (sessionId: string) => {
    await onSessionEnd(sessionId);
    await sessions.revoke(sessionId, now());
    bus.publish("session", { sessionId });
  };
  return {
    "auth.refresh": ({ refreshToken }) => tokens.refresh(refreshToken, endSession),
    "auth.logout": async (_input, context) => {
      await endSession(userOf(context).sessionId);
      return {};
    },
    "auth.whoami": (_input, context) => {
      const { userId, userName, businessId, businessName, role, sessionId } = userOf(context);
      return { userId, userName, businessId, businessName, role, sessionId };
    },
  };
}
