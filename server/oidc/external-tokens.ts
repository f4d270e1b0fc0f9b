import { decodeJwt, type JWTPayload } from "jose";
import { ComputeError } from "../../shared/errors.ts";
import { idFrom } from "../../shared/ids.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { type Access, sessionEnded, tokenExpired } from "../auth/tokens.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { factsOf, lowerOf } from "./claims.ts";
import type { ExternalPeople } from "./external-people.ts";
import type { Issuer } from "./issuer.ts";

const MAX_REMEMBERED = 5_000;
/** The client of sessions that begin with a token of the issuer. */
const CLIENT = "external-issuer";
/** A person who signs out this often with one session of the issuer has to sign in there again. */
const MAX_SESSIONS = 100;

export interface ExternalTokenParts {
  issuer: Issuer;
  people: ExternalPeople;
  sessions: SessionStore;
  /** Called when a token of the issuer begins a session. */
  onSignIn(access: Access): Promise<void>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Access tokens of another issuer, which programs send to the endpoints for people. */
export class ExternalTokens {
  /** By token, so that a thousand requests with one token verify its signature once. */
  private readonly checked = new RecentMap<Access>(MAX_REMEMBERED);

  constructor(private readonly parts: ExternalTokenParts) {}

  /** Whether the token says that it is the issuer's. */
  isOfIssuer(token: string): boolean {
    try {
      return decodeJwt(token).iss === this.parts.issuer.settings.issuer;
    } catch {
      return false;
    }
  }

  /** Throws `unauthenticated`, `token_expired`, `session_ended`, `forbidden` or `unavailable`. */
  async verify(token: string): Promise<Access> {
    const access = this.checked.get(token) ?? (await this.check(token));
    if (access.accessUntilMs <= this.parts.now()) throw tokenExpired();
    const role = await this.parts.sessions.liveRole(access);
    if (role === undefined) throw sessionEnded();
    // What the issuer gives is the most that the token may do.
    return { ...access, role: lowerOf(role, access.role) };
  }

  private async check(token: string): Promise<Access> {
    const { issuer, people, onSignIn } = this.parts;
    const payload = await issuer.verify(token, issuer.settings.audience);
    const facts = factsOf(payload, issuer.settings);
    const [businessName = ""] = facts.businesses;
    const person = await people.person(facts);
    const { businessId, userId, userName } = await people.member(person, businessName, facts.role);
    const by = { userId, userName, businessId, businessName, role: facts.role };
    const { sessionId, isNew } = await this.session(by, facts.subject, payload);
    const accessUntilMs = (payload.exp ?? 0) * 1_000;
    const access: Access = { ...by, sessionId, accessUntilMs, ticketOf: undefined };
    if (isNew) await onSignIn(access);
    this.checked.set(token, access);
    return access;
  }

  /**
   * The session of the token: one for each session at the issuer, so that nodes and waits outlive a single token. After a
   * sign-out, only tokens that were issued later begin another one.
   */
  private async session(
    { userId, businessId }: Pick<Access, "userId" | "businessId">,
    subject: string,
    { sid, iat = 0 }: JWTPayload,
  ): Promise<{ sessionId: string; isNew: boolean }> {
    const { sessions, issuer, now } = this.parts;
    const at = [issuer.settings.issuer, subject, businessId, typeof sid === "string" ? sid : ""];
    for (let n = 0; n < MAX_SESSIONS; n++) {
      const sessionId = idFrom("ses", JSON.stringify([...at, n]));
      const known = await sessions.find(sessionId);
      if (!known) {
        const opened = { sessionId, userId, businessId, clientId: CLIENT, nowMs: now() };
        try {
          if (await sessions.open(opened)) return { sessionId, isNew: true };
        } catch (error) {
          // Another request with the token may have opened it just now.
          if (!(await sessions.find(sessionId))) throw error;
          return { sessionId, isNew: false };
        }
        throw new ComputeError("forbidden", "You were just removed from this business.");
      }
      if (known.revokedAtMs === undefined) return { sessionId, isNew: false };
      if (iat * 1_000 <= known.revokedAtMs) throw sessionEnded();
    }
    throw sessionEnded();
  }
}
