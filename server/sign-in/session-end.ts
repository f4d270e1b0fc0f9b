import type { SessionStore } from "../auth/session-store.ts";
import type { EndSession } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";

export interface SessionEndParts {
  sessions: SessionStore;
  bus: Bus;
  /** Removes what a session gives access to. Called before the session ends, and again after it. */
  onSessionEnd(sessionId: string): Promise<void>;
  now: () => number;
}

/** Ends sessions, with what they give access to and what is open for them on every server. */
export function sessionEnder({ sessions, bus, onSessionEnd, now }: SessionEndParts): EndSession {
  return async (sessionId) => {
    await onSessionEnd(sessionId);
    await sessions.revoke(sessionId, now());
    // An agent may have heard of it at once, and registered in between while its token was still valid.
    await onSessionEnd(sessionId);
    bus.publish("session", { sessionId });
  };
}
