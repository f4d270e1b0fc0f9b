import type { SessionStore } from "../auth/session-store.ts";
import type { EndSession } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";

export interface SessionEndParts {
  sessions: SessionStore;
  bus: Bus;
  /** Called before a session ends, to remove what it gives access to. */
  onSessionEnd(sessionId: string): Promise<void>;
  now: () => number;
}

/** Ends sessions, with what they give access to and what is open for them on every server. */
export function sessionEnder({ sessions, bus, onSessionEnd, now }: SessionEndParts): EndSession {
  return async (sessionId) => {
    await onSessionEnd(sessionId);
    await sessions.revoke(sessionId, now());
    bus.publish("session", { sessionId });
  };
}
