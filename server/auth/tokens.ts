import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { type Identity, identity, type TokenSet } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { sessionId } from "../../shared/ids.ts";
import { RecentMap } from "../recent-map.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import type { SessionRecord, SessionStore } from "./session-store.ts";

const ISSUER = "tanvrit-compute";
const ACCESS_TOKEN_SECONDS = 900;
/** Many processes of one person may refresh with the same token at once; the token before counts for this long. */
const REFRESH_LEEWAY_MS = 60_000;
const MAX_REMEMBERED = 5_000;

/** Ends a session with all that it gives access to. */
export type EndSession = (sessionId: string) => Promise<void>;

interface Claims {
  identity: Identity;
  expiresAtMs: number;
}

/** Makes and checks access and refresh tokens. The keys are kept in the store, so every server that shares it agrees. */
export class Tokens {
  /** By access token: what its signature was found to say. Whoever sends a thousand requests has it checked once. */
  private readonly checked = new RecentMap<Claims>(MAX_REMEMBERED);
  /** Names the key in the header of a token, so that it can be replaced while older tokens are still out. */
  private readonly keyId: string;

  private constructor(
    private readonly sessions: SessionStore,
    private readonly accessKey: Uint8Array,
    private readonly refreshKey: Uint8Array,
    private readonly now: () => number,
  ) {
    this.keyId = createHash("sha256").update(accessKey).digest("base64url").slice(0, 12);
  }

  static async open(sessions: SessionStore, now: () => number): Promise<Tokens> {
    return new Tokens(
      sessions,
      await sessions.secret("access-token"),
      await sessions.secret("refresh-token"),
      now,
    );
  }

  async issue(session: SessionRecord): Promise<TokenSet> {
    const { sessionId: sid, userId, userName, businessId, businessName, role } = session;
    const issuedAtSeconds = Math.floor(this.now() / 1_000);
    const accessToken = await new SignJWT({ userId, userName, businessId, businessName, role, sid })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: this.keyId })
      .setSubject(userId)
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setIssuedAt(issuedAtSeconds)
      .setExpirationTime(issuedAtSeconds + ACCESS_TOKEN_SECONDS)
      .sign(this.accessKey);
    return {
      accessToken,
      accessTokenExpiresAt: new Date((issuedAtSeconds + ACCESS_TOKEN_SECONDS) * 1_000).toISOString(),
      refreshToken: this.refreshTokenOf(sid, session.generation),
      identity: { userId, userName, businessId, businessName, role, sessionId: sid },
    };
  }

  /** Who an access token speaks for. Throws `unauthenticated`, `token_expired` or `session_ended`. */
  async verify(accessToken: string): Promise<Identity> {
    const claims = this.checked.get(accessToken) ?? (await this.check(accessToken));
    const leftMs = claims.expiresAtMs - this.now();
    // One that was made under a clock that was ahead is not good for longer than any other.
    if (leftMs <= 0 || leftMs > ACCESS_TOKEN_SECONDS * 1_000 + CLOCK_SKEW_MS) throw tokenExpired();
    if (!(await this.sessions.isLive(claims.identity.sessionId))) throw sessionEnded();
    return claims.identity;
  }

  /** Trades a refresh token. An old one that comes back ends the session, by `endSession`: somebody else has a copy. */
  async refresh(refreshToken: string, endSession: EndSession): Promise<TokenSet> {
    const { sid, generation } = this.parse(refreshToken);
    const nowMs = this.now();
    if (await this.sessions.rotate(sid, generation, nowMs)) return this.issueFor(sid);
    const session = await this.sessions.find(sid);
    if (!session || session.revokedAtMs !== undefined) throw sessionEnded();
    const isPrevious = generation === session.generation - 1;
    if (isPrevious && Math.abs(nowMs - session.rotatedAtMs) <= REFRESH_LEEWAY_MS) return this.issue(session);
    await endSession(sid);
    throw new ComputeError(
      "session_ended",
      "An old refresh token was used again, so the session was ended. Sign in again.",
    );
  }

  private async issueFor(sid: string): Promise<TokenSet> {
    const session = await this.sessions.find(sid);
    if (!session || session.revokedAtMs !== undefined) throw sessionEnded();
    return this.issue(session);
  }

  private async check(accessToken: string): Promise<Claims> {
    const claims = await this.claimsOf(accessToken);
    this.checked.set(accessToken, claims);
    return claims;
  }

  private async claimsOf(accessToken: string): Promise<Claims> {
    try {
      const { payload } = await jwtVerify(accessToken, this.accessKey, {
        algorithms: ["HS256"],
        issuer: ISSUER,
        audience: ISSUER,
        requiredClaims: ["exp"],
        currentDate: new Date(this.now()),
      });
      const expiresAtMs = (payload.exp ?? 0) * 1_000;
      return { identity: identity.parse({ ...payload, sessionId: payload.sid }), expiresAtMs };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw tokenExpired();
      throw new ComputeError("unauthenticated", "The access token is not valid here. Sign in again.");
    }
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
    const expected = Buffer.from(this.macOf(body));
    const given = Buffer.from(mac);
    const genuine = given.length === expected.length && timingSafeEqual(given, expected);
    if (!match || !genuine || !sessionId.safeParse(sid).success) {
      throw new ComputeError("unauthenticated", "The refresh token is not valid here. Sign in again.");
    }
    return { sid, generation: Number(generation) };
  }

  private macOf(text: string): string {
    return createHmac("sha256", this.refreshKey).update(text).digest("base64url");
  }
}

function tokenExpired(): ComputeError {
  return new ComputeError("token_expired", "The access token has expired. Refresh it or sign in again.");
}

export function sessionEnded(): ComputeError {
  return new ComputeError("session_ended", "The session has ended. Sign in again.");
}
