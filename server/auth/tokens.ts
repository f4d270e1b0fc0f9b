import { createHmac } from "node:crypto";
import { type CryptoKey, errors, jwtVerify, SignJWT } from "jose";
import { CLI_CLIENT_ID, type Identity, identity, type TokenSet } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { isId } from "../../shared/id-schema.ts";
import { jobId } from "../../shared/ids.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import { isSameText } from "./bearer-secret.ts";
import type { SessionRecord, SessionStore } from "./session-store.ts";
import { SIGNING_ALGORITHM, SigningKeys } from "./signing-keys.ts";

/** The audience and type of access tokens (RFC 9068). They are the same at every URL of every server of a store. */
const ACCESS = { audience: "tanvrit-compute", typ: "at+jwt", seconds: 900 };
/** Those of a wait ticket set it apart from an access token. */
const TICKET = { audience: "tanvrit-compute-wait", typ: "wait+jwt", seconds: 24 * 3_600 };
/** The issuer of tokens that a server issues before it knows a URL of its own. */
const NO_URL = "urn:tanvrit-compute";
/** That of the sessions of API keys. */
export const API_KEY_CLIENT_ID = "tanvrit-compute-api-key";
/** That of sessions by a code from a mail, for lists of sessions. */
export const CODE_CLIENT_ID = "mail-code";
const DAY_MS = 24 * 3_600_000;
/** How long the previous refresh token stays valid: several processes of one person may refresh with the same token. */
const REFRESH_LEEWAY_MS = 60_000;
const MAX_REMEMBERED = 5_000;

/** Ends a session and everything it gives access to. */
export type EndSession = (sessionId: string) => Promise<void>;

/** The identity behind a token, and what the token allows. */
export interface Access extends Identity {
  /** Epoch milliseconds. */
  accessUntilMs: number;
  /** The job that a wait ticket gives access to; undefined for an access token. */
  ticketOf: string | undefined;
}

/** Who asks for new tokens. */
interface RefreshedBy {
  /** The client that says so; its session must be. Absent: any. */
  clientId?: string;
  /** The URL that the client knows this server by. */
  issuer?: string;
}

/** How long a session can be renewed. */
export interface SessionLife {
  /** After the last renewal. */
  idleMs: number;
  /** After the sign-in. */
  maxMs: number;
}

export const DEFAULT_SESSION_LIFE: SessionLife = { idleMs: 30 * DAY_MS, maxMs: 180 * DAY_MS };

interface TokenParts {
  sessions: SessionStore;
  keys: SigningKeys;
  refreshKey: Uint8Array;
  /** Epoch milliseconds. */
  now: () => number;
  life: SessionLife;
  /** The issuer of tokens that are not issued for a request; a URL of this server. */
  issuer: () => string | undefined;
}

/** Issues and verifies access and refresh tokens. The keys are in the store, so all servers that share it agree. */
export class Tokens {
  /** Verified claims by access token, so that a thousand requests with one token verify its signature once. */
  private readonly checked = new RecentMap<Access>(MAX_REMEMBERED);

  private constructor(private readonly parts: TokenParts) {}

  static async open(
    sessions: SessionStore,
    now: () => number,
    life: SessionLife = DEFAULT_SESSION_LIFE,
    issuer: () => string | undefined = () => undefined,
  ): Promise<Tokens> {
    const refreshKey = await sessions.secret("refresh-token");
    return new Tokens({ sessions, keys: new SigningKeys(sessions, now), refreshKey, now, life, issuer });
  }

  /** The keys by which others verify the tokens. */
  get keys(): SigningKeys {
    return this.parts.keys;
  }

  /** @param issuer the URL that the client knows this server by. */
  async issue(session: SessionRecord, issuer?: string): Promise<TokenSet> {
    const { sessionId, userId, userName, businessId, businessName, role, clientId } = session;
    const identity = { userId, userName, businessId, businessName, role, sessionId };
    const access = await this.sign(identity, { client_id: clientId ?? CLI_CLIENT_ID }, ACCESS, issuer);
    return {
      accessToken: access.token,
      accessTokenExpiresAt: access.expiresAt,
      refreshToken: this.refreshTokenOf(sessionId, session.generation),
      identity,
    };
  }

  /**
   * A token that can only look at one job. It outlives an access token, but ends with the session.
   * @param untilMs when it ends at the latest, because what it is issued for ends then.
   */
  async issueTicket(
    by: Identity,
    jobId: string,
    untilMs = Number.POSITIVE_INFINITY,
  ): Promise<{ token: string; expiresAt: string }> {
    const leftSeconds = Math.floor((untilMs - this.parts.now()) / 1_000);
    return this.sign(by, { jobId }, { ...TICKET, seconds: Math.min(TICKET.seconds, leftSeconds) });
  }

  /** The access that an access token or a wait ticket gives. Throws `unauthenticated`, `token_expired` or `session_ended`. */
  async verify(token: string): Promise<Access> {
    const access = this.checked.get(token) ?? (await this.check(token));
    const leftMs = access.accessUntilMs - this.parts.now();
    const longestSeconds = (access.ticketOf === undefined ? ACCESS : TICKET).seconds;
    // A token issued while the clock was ahead is valid no longer than any other.
    if (leftMs <= 0 || leftMs > longestSeconds * 1_000 + CLOCK_SKEW_MS) throw tokenExpired();
    const role = await this.parts.sessions.liveRole(access);
    if (role === undefined) throw sessionEnded();
    // The token names the role that the person had when it was issued.
    return role === access.role ? access : { ...access, role };
  }

  /**
   * Exchanges a refresh token for new tokens. An old token means that somebody has a copy, so it ends the session.
   * Throws `unauthenticated` or `session_ended`.
   */
  async refresh(refreshToken: string, endSession: EndSession, by: RefreshedBy = {}): Promise<TokenSet> {
    const { sid, generation } = this.parse(refreshToken);
    if (by.clientId !== undefined) await this.checkClient(sid, by.clientId);
    const { sessions, life, now } = this.parts;
    const nowMs = now();
    const since = { rotatedAtMs: nowMs - life.idleMs, createdAtMs: nowMs - life.maxMs };
    const isRotated = await sessions.rotate(sid, generation, nowMs, since);
    const session = await sessions.find(sid);
    if (!session || session.revokedAtMs !== undefined) throw sessionEnded();
    if (isRotated) return this.issue(session, by.issuer);
    if (session.createdAtMs < since.createdAtMs) throw sessionOver("started", life.maxMs);
    if (session.rotatedAtMs < since.rotatedAtMs) throw sessionOver("was last used", life.idleMs);
    const isPrevious = generation === session.generation - 1;
    if (isPrevious && Math.abs(nowMs - session.rotatedAtMs) <= REFRESH_LEEWAY_MS)
      return this.issue(session, by.issuer);
    await endSession(sid);
    throw new ComputeError(
      "session_ended",
      "An old refresh token was used again, so the server ended the session. Sign in again.",
    );
  }

  /** The session of a refresh token of this server, whether it is still valid or not. Ends nothing. */
  sessionOf(refreshToken: string): string | undefined {
    try {
      return this.parse(refreshToken).sid;
    } catch {
      return undefined;
    }
  }

  /**
   * The session of the latest refresh token, which stays valid. Throws `unauthenticated`, or `session_ended` also if the
   * token was renewed.
   */
  async sessionBehind(refreshToken: string): Promise<SessionRecord> {
    const { sid, generation } = this.parse(refreshToken);
    const session = await this.parts.sessions.find(sid);
    const isLive = session?.revokedAtMs === undefined && session?.generation === generation;
    if (!isLive || this.endOf(session) <= this.parts.now()) throw sessionEnded();
    return session;
  }

  /** When the session ends if it is not renewed before. Epoch milliseconds. */
  endOf({ createdAtMs, rotatedAtMs }: Pick<SessionRecord, "createdAtMs" | "rotatedAtMs">): number {
    const { idleMs, maxMs } = this.parts.life;
    return Math.min(createdAtMs + maxMs, rotatedAtMs + idleMs);
  }

  /** A refresh token belongs to the client that it was issued to (RFC 6749 §6). */
  private async checkClient(sid: string, clientId: string): Promise<void> {
    const session = await this.parts.sessions.find(sid);
    if (session && (session.clientId ?? CLI_CLIENT_ID) !== clientId) throw foreignRefreshToken();
  }

  private async sign(
    by: Identity,
    claims: { jobId: string } | { client_id: string },
    { audience, typ, seconds }: typeof ACCESS,
    issuer?: string,
  ): Promise<{ token: string; expiresAt: string }> {
    const { userId, userName, businessId, businessName, role, sessionId: sid } = by;
    const issuedAtSeconds = Math.floor(this.parts.now() / 1_000);
    const { kid, privateKey } = await this.parts.keys.current();
    const token = await new SignJWT({ userId, userName, businessId, businessName, role, sid, ...claims })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ, kid })
      .setSubject(userId)
      .setIssuer(issuer ?? this.parts.issuer() ?? NO_URL)
      .setAudience(audience)
      .setIssuedAt(issuedAtSeconds)
      .setExpirationTime(issuedAtSeconds + seconds)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
    return { token, expiresAt: new Date((issuedAtSeconds + seconds) * 1_000).toISOString() };
  }

  private async check(accessToken: string): Promise<Access> {
    const claims = await this.claimsOf(accessToken);
    if (!(await this.isOwnSession(claims))) throw invalidToken();
    this.checked.set(accessToken, claims);
    return claims;
  }

  private async claimsOf(accessToken: string): Promise<Access> {
    try {
      if (!accessToken.split(".").every(isCanonical)) throw new Error("a part is not canonical base64url");
      const { payload, protectedHeader } = await jwtVerify(accessToken, (header) => this.keyOf(header), {
        algorithms: [SIGNING_ALGORITHM],
        audience: [ACCESS.audience, TICKET.audience],
        requiredClaims: ["exp"],
        currentDate: new Date(this.parts.now()),
      });
      const isTicket = payload.aud === TICKET.audience;
      if (protectedHeader.typ !== (isTicket ? TICKET : ACCESS).typ) throw new Error("of another type");
      const ticketOf = isTicket ? jobId.parse(payload.jobId) : undefined;
      const accessUntilMs = (payload.exp ?? 0) * 1_000;
      return { ...identity().parse({ ...payload, sessionId: payload.sid }), accessUntilMs, ticketOf };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw tokenExpired();
      // The store could not be asked for its keys; the token may well be valid.
      if (error instanceof ComputeError) throw error;
      throw invalidToken();
    }
  }

  private async keyOf({ kid = "" }: { kid?: string }): Promise<CryptoKey> {
    const key = await this.parts.keys.find(kid);
    if (!key) throw new Error("no such key");
    return key.publicKey;
  }

  /** True for a session that no longer exists, too: `verify` then reports that it has ended. */
  private async isOwnSession({ sessionId, userId, businessId }: Identity): Promise<boolean> {
    const session = await this.parts.sessions.find(sessionId);
    return session === undefined || (session.userId === userId && session.businessId === businessId);
  }

  /** `tnvr_<session digits>.<generation>.<mac>` */
  private refreshTokenOf(sid: string, generation: number): string {
    const body = `${sid.slice("ses_".length)}.${generation}`;
    return `tnvr_${body}.${this.macOf(body)}`;
  }

  private parse(refreshToken: string): { sid: string; generation: number } {
    const match = /^tnvr_(([0-9a-z]{26})\.(\d{1,15}))\.([\w-]{43})$/.exec(refreshToken);
    const [, body = "", digits = "", generation = "", mac = ""] = match ?? [];
    const sid = `ses_${digits}`;
    const isGenuine = isSameText(mac, this.macOf(body));
    if (!match || !isGenuine || !isId("ses", sid)) throw foreignRefreshToken();
    return { sid, generation: Number(generation) };
  }

  private macOf(text: string): string {
    return createHmac("sha256", this.parts.refreshKey).update(text).digest("base64url");
  }
}

/** Whether a part of a token is spelled as we spell base64url. Other spellings can decode to the same bytes. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, "base64url").toString("base64url") === part;
}

function foreignRefreshToken(): ComputeError {
  return new ComputeError("unauthenticated", "The refresh token is not valid on this server. Sign in again.");
}

function invalidToken(): ComputeError {
  return new ComputeError("unauthenticated", "The access token is not valid on this server. Sign in again.");
}

export function tokenExpired(): ComputeError {
  return new ComputeError("token_expired", "The access token has expired. Refresh it or sign in again.");
}

export function sessionEnded(): ComputeError {
  return new ComputeError("session_ended", "The session has ended. Sign in again.");
}

function sessionOver(since: string, afterMs: number): ComputeError {
  const days = Math.round((afterMs / DAY_MS) * 1_000) / 1_000;
  const limit = `${days} ${days === 1 ? "day" : "days"}`;
  return new ComputeError(
    "session_ended",
    `The session ${since} more than ${limit} ago and has ended. Sign in again.`,
  );
}
