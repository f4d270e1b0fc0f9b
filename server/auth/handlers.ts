import { newId } from "../../shared/ids.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { LocalLogin } from "./local-login.ts";
import type { SessionStore } from "./session-store.ts";
import type { Tokens } from "./tokens.ts";

type AuthHandlers = Pick<
  Handlers,
  "auth.local.start" | "auth.local.finish" | "auth.refresh" | "auth.logout" | "auth.whoami"
>;

export interface AuthHandlerParts {
  sessions: SessionStore;
  tokens: Tokens;
  localLogin: LocalLogin;
  /** Called when a session is about to end, with what it gave access to. */
  onSessionEnd(sessionId: string): Promise<void>;
  now: () => number;
}

export function authHandlers({
  sessions,
  tokens,
  localLogin,
  onSessionEnd,
  now,
}: AuthHandlerParts): AuthHandlers {
  const endSession = async (sessionId: string) => {
    await onSessionEnd(sessionId);
    await sessions.revoke(sessionId, now());
  };
  return {
    "auth.local.start": async () => {
      const { challengeId, secretFile, expiresAtMs } = await localLogin.start();
      return { challengeId, secretFile, expiresAt: new Date(expiresAtMs).toISOString() };
    },
    "auth.local.finish": async ({ challengeId, secret, business, user }) => {
      await localLogin.finish(challengeId, secret);
      const session = await sessions.create({
        sessionId: newId("ses"),
        userName: user,
        businessName: business,
        // Who reads the server's own files owns the server, and so every business on it.
        role: "owner",
        nowMs: now(),
      });
      return tokens.issue(session);
    },
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
