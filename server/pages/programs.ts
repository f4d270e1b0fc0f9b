import type { PersonStore } from "../auth/person-store.ts";
import type { SessionRecord, SessionStore } from "../auth/session-store.ts";
import type { EndSession } from "../auth/tokens.ts";

/** A program, such as a command line, that is signed in as a person. Times are epoch milliseconds. */
export interface SignedInProgram {
  sessionId: string;
  name: string;
  businessName: string;
  createdAtMs: number;
  /** When it last renewed its token. */
  renewedAtMs: number;
}

export interface ProgramParts {
  people: PersonStore;
  sessions: SessionStore;
  endSession: EndSession;
  /** What people call a client; undefined: there is no such client any more. */
  nameOf(clientId: string): string | undefined;
  /** When a session can be renewed no more. */
  endOf(session: SessionRecord): number;
  now: () => number;
}

/** The programs that people have let in. */
export class Programs {
  constructor(private readonly parts: ProgramParts) {}

  /** The newest first. */
  async list(userId: string, limit: number): Promise<SignedInProgram[]> {
    const { people, sessions, nameOf, endOf, now } = this.parts;
    const memberships = await people.memberships(userId);
    const ids = await Promise.all(memberships.map(({ businessId }) => sessions.liveOf(businessId, userId)));
    const newest = ids.flat().sort().reverse().slice(0, limit);
    const found = await Promise.all(newest.map((sessionId) => sessions.find(sessionId)));
    return found
      .filter((session) => session !== undefined)
      .filter((session) => endOf(session) > now())
      .map((session) => ({
        sessionId: session.sessionId,
        name: (session.clientId && nameOf(session.clientId)) || "A command line on the server's machine",
        businessName: session.businessName,
        createdAtMs: session.createdAtMs,
        renewedAtMs: session.rotatedAtMs,
      }));
  }

  /** Resolves with whether the person had such a session. */
  async end(userId: string, sessionId: string): Promise<boolean> {
    const session = await this.parts.sessions.find(sessionId);
    if (session?.userId !== userId || session.revokedAtMs !== undefined) return false;
    await this.parts.endSession(sessionId);
    return true;
  }
}
