import { MAX_API_KEYS } from "../../shared/api-key.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { SessionRecord, SessionStore } from "../auth/session-store.ts";
import { API_KEY_CLIENT_ID, CODE_CLIENT_ID, type EndSession } from "../auth/tokens.ts";

/** A program, such as a command line, that is signed in as a person. Times are epoch milliseconds. */
export interface SignedInProgram {
  sessionId: string;
  name: string;
  businessId: string;
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
    const { people, sessions, endOf, now } = this.parts;
    const memberships = await people.memberships(userId);
    const ids = await Promise.all(memberships.map(({ businessId }) => sessions.liveOf(businessId, userId)));
    const newest = ids
      .flat()
      .sort()
      .reverse()
      .slice(0, limit + MAX_API_KEYS);
    const found = await Promise.all(newest.map((sessionId) => sessions.find(sessionId)));
    return (
      found
        .filter((session) => session !== undefined)
        // API keys have lists of their own.
        .filter((session) => session.clientId !== API_KEY_CLIENT_ID && endOf(session) > now())
        .slice(0, limit)
        .map((session) => ({
          sessionId: session.sessionId,
          name: this.nameOf(session),
          businessId: session.businessId,
          businessName: session.businessName,
          createdAtMs: session.createdAtMs,
          renewedAtMs: session.rotatedAtMs,
        }))
    );
  }

  private nameOf({ clientId }: SessionRecord): string {
    if (clientId === undefined) return "A command line on the server's machine";
    if (clientId === CODE_CLIENT_ID) return "A program with a code by mail";
    return this.parts.nameOf(clientId) ?? "A program that this server no longer knows";
  }

  /** Resolves with whether the person had such a session. */
  async end(userId: string, sessionId: string): Promise<boolean> {
    const session = await this.parts.sessions.find(sessionId);
    if (session?.userId !== userId || session.revokedAtMs !== undefined) return false;
    await this.parts.endSession(sessionId);
    return true;
  }
}
