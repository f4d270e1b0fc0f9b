import { SignJWT } from "jose";
import type { TokenSet } from "../../shared/auth.ts";
import { CLI_CLIENT_ID } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { digestOf, isSameText } from "../auth/bearer-secret.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { SessionRecord, SessionStore } from "../auth/session-store.ts";
import { SIGNING_ALGORITHM } from "../auth/signing-keys.ts";
import type { EndSession, Tokens } from "../auth/tokens.ts";
import type { Clients } from "./clients.ts";
import { type Grantee, portalSessionId } from "./contract.ts";
import type { CodeRecord, GrantStore } from "./grant-store.ts";
import { OAuthError } from "./oauth-error.ts";
import type { WaitingDevices } from "./waiting-devices.ts";

export const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const ID_TOKEN_SECONDS = 900;
/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export interface TokenEndpointParts {
  grants: GrantStore;
  clients: Clients;
  devices: WaitingDevices;
  sessions: SessionStore;
  people: PersonStore;
  tokens: Tokens;
  endSession: EndSession;
  /** Called for every session that a client got. */
  onSignIn(session: SessionRecord, from: string | undefined): Promise<void>;
  issuerOf(origin: string): string;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Where a request came from. */
export interface TokenCaller {
  origin: string;
  from: string | undefined;
}

/** The answer of the token endpoint (RFC 6749 §5.1). */
export interface TokenAnswer {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string;
  scope?: string;
  id_token?: string;
}

/** What a client gets its session for. */
interface Granted extends Grantee {
  clientId: string;
  scope: readonly string[];
  nonce?: string;
  createdAtMs: number;
}

/** Trades what people allowed for tokens (RFC 6749 §3.2). Throws OAuthError. */
export class TokenEndpoint {
  constructor(private readonly parts: TokenEndpointParts) {}

  async answer(form: URLSearchParams, caller: TokenCaller): Promise<TokenAnswer> {
    const grantType = needed(form, "grant_type");
    const clientId = this.clientOf(form, caller);
    switch (grantType) {
      case "authorization_code":
        return this.byCode(form, clientId, caller);
      case DEVICE_GRANT:
        return this.byDevice(form, clientId, caller);
      case "refresh_token":
        return this.byRefreshToken(form, clientId, caller);
      default:
        throw new OAuthError("unsupported_grant_type", "See grant_types_supported in the server's metadata.");
    }
  }

  /** Ends the session of a refresh token or access token (RFC 7009); a token that is not valid needs no ending. */
  async revoke(form: URLSearchParams, caller: TokenCaller): Promise<void> {
    const { tokens, sessions, endSession } = this.parts;
    const token = needed(form, "token");
    const clientId = this.clientOf(form, caller);
    const sessionId = tokens.sessionOf(token) ?? (await this.sessionOfAccess(token));
    const session = sessionId === undefined ? undefined : await sessions.find(sessionId);
    if (!session || session.revokedAtMs !== undefined) return;
    if ((session.clientId ?? CLI_CLIENT_ID) !== clientId)
      throw new OAuthError("invalid_grant", "The token was issued to another client.");
    await endSession(session.sessionId);
  }

  /** Checks that the client is known; all are public, so none proves who it is. */
  clientOf(form: URLSearchParams, { origin }: TokenCaller): string {
    const clientId = needed(form, "client_id");
    if (this.parts.clients.find(clientId, origin)) return clientId;
    throw new OAuthError("invalid_client", "This server knows no client with this client_id.");
  }

  private async byCode(form: URLSearchParams, clientId: string, caller: TokenCaller): Promise<TokenAnswer> {
    const { grants, endSession, now } = this.parts;
    const code = await grants.findCode(digestOf(needed(form, "code")));
    const redirectUri = needed(form, "redirect_uri");
    const verifier = needed(form, "code_verifier");
    if (!code || code.clientId !== clientId) throw codeRefused();
    if (code.sessionId !== undefined) return this.onReuse(code.sessionId);
    if (code.redirectUri !== redirectUri || !isProof(verifier, code) || code.expiresAtMs <= now())
      throw codeRefused();
    const shared = await this.sharedSession(code);
    const session = shared ?? (await this.openShared(code));
    // The session is made first, so that a second use of the code finds it and ends it.
    if (await grants.redeemCode(code.codeHash, session.sessionId, now()))
      return this.issue(session, code, caller, shared === undefined);
    await endSession(session.sessionId);
    const used = await grants.findCode(code.codeHash);
    if (used?.sessionId === undefined) throw codeRefused();
    return this.onReuse(used.sessionId);
  }

  /** Somebody has a copy of the code, so nobody keeps what it gave (RFC 6749 §4.1.2). */
  private async onReuse(sessionId: string): Promise<never> {
    await this.parts.endSession(sessionId);
    throw new OAuthError(
      "invalid_grant",
      "The code was used before, so its session was ended. Sign in again.",
    );
  }

  private async byDevice(form: URLSearchParams, clientId: string, caller: TokenCaller): Promise<TokenAnswer> {
    const { devices, endSession } = this.parts;
    const device = await devices.poll(needed(form, "device_code"), clientId);
    const session = await this.open(device);
    if (await devices.redeem(device, session)) return this.issue(session, device, caller);
    await endSession(session.sessionId);
    throw new OAuthError("invalid_grant", "The device code was used already.");
  }

  private async byRefreshToken(
    form: URLSearchParams,
    clientId: string,
    { origin }: TokenCaller,
  ): Promise<TokenAnswer> {
    const { tokens, endSession, issuerOf } = this.parts;
    const refreshToken = needed(form, "refresh_token");
    const by = { clientId, issuer: issuerOf(origin) };
    const set = await asGrantError(() => tokens.refresh(refreshToken, endSession, by));
    return this.answerOf(set);
  }

  /** The session that another tab of the same browser has already; undefined if there is none, or it was ended. */
  private async sharedSession(code: CodeRecord): Promise<SessionRecord | undefined> {
    const sessionId = sharedIdOf(code);
    const session = sessionId === undefined ? undefined : await this.parts.sessions.find(sessionId);
    return session?.revokedAtMs === undefined ? session : undefined;
  }

  private async openShared(code: CodeRecord): Promise<SessionRecord> {
    try {
      return await this.open(code, sharedIdOf(code));
    } catch (error) {
      // Another tab was faster, or the store failed.
      const shared = await this.sharedSession(code);
      if (shared) return shared;
      throw error;
    }
  }

  private async open(granted: Granted, wantedId?: string): Promise<SessionRecord> {
    const { userId, businessId, clientId } = granted;
    const { sessions, now } = this.parts;
    // An id that an ended session has is not used again.
    const isTaken = wantedId !== undefined && (await sessions.find(wantedId)) !== undefined;
    const session = await sessions.open({
      sessionId: wantedId === undefined || isTaken ? newId("ses") : wantedId,
      userId,
      businessId,
      clientId,
      nowMs: now(),
    });
    if (session) return session;
    throw new OAuthError("invalid_grant", "The person is no longer a member of the business.");
  }

  private async issue(
    session: SessionRecord,
    granted: Granted,
    { origin, from }: TokenCaller,
    isNew = true,
  ): Promise<TokenAnswer> {
    const { tokens, issuerOf, onSignIn } = this.parts;
    const issuer = issuerOf(origin);
    const set = await tokens.issue(session, issuer);
    if (isNew) await onSignIn(session, from);
    const scope = granted.scope.length > 0 ? { scope: granted.scope.join(" ") } : {};
    const answer = { ...this.answerOf(set), ...scope };
    if (!granted.scope.includes("openid")) return answer;
    return { ...answer, id_token: await this.idToken(session, granted, issuer) };
  }

  private answerOf({ accessToken, accessTokenExpiresAt, refreshToken }: TokenSet): TokenAnswer {
    const leftMs = Date.parse(accessTokenExpiresAt) - this.parts.now();
    return {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: Math.floor(leftMs / 1_000),
      refresh_token: refreshToken,
    };
  }

  /** OpenID Connect Core §2. */
  private async idToken(session: SessionRecord, granted: Granted, issuer: string): Promise<string> {
    const { tokens, now } = this.parts;
    const { kid, privateKey } = await tokens.keys.current();
    const issuedAtSeconds = Math.floor(now() / 1_000);
    const claims = await this.claimsOf(session, granted.scope);
    return new SignJWT({
      ...claims,
      sid: session.sessionId,
      auth_time: Math.floor(granted.createdAtMs / 1_000),
      ...(granted.nonce !== undefined && { nonce: granted.nonce }),
    })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: "JWT", kid })
      .setIssuer(issuer)
      .setSubject(session.userId)
      .setAudience(granted.clientId)
      .setIssuedAt(issuedAtSeconds)
      .setExpirationTime(issuedAtSeconds + ID_TOKEN_SECONDS)
      .sign(privateKey);
  }

  private async claimsOf({ userId, userName }: SessionRecord, scope: readonly string[]) {
    const wantsEmail = scope.includes("email");
    const email = wantsEmail ? (await this.parts.people.find(userId))?.email : undefined;
    return {
      ...(scope.includes("profile") && { name: userName, preferred_username: userName }),
      ...(email !== undefined && { email }),
    };
  }

  private async sessionOfAccess(token: string): Promise<string | undefined> {
    try {
      const { sessionId, ticketOf } = await this.parts.tokens.verify(token);
      return ticketOf === undefined ? sessionId : undefined;
    } catch (error) {
      if (error instanceof ComputeError && error.status === 401) return undefined;
      throw error;
    }
  }
}

function needed(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value) return value;
  throw new OAuthError("invalid_request", `${name} is missing.`);
}

function sharedIdOf({ visitId, businessId }: CodeRecord): string | undefined {
  return visitId === undefined ? undefined : portalSessionId(visitId, businessId);
}

function codeRefused(): OAuthError {
  return new OAuthError(
    "invalid_grant",
    "The code is not valid, has expired, or belongs to another request.",
  );
}

/** Whether the verifier belongs to the challenge that came with the authorization request (RFC 7636 §4.6). */
function isProof(verifier: string, { codeChallenge }: CodeRecord): boolean {
  return VERIFIER.test(verifier) && isSameText(codeChallenge, digestOf(verifier));
}

async function asGrantError<T>(refresh: () => Promise<T>): Promise<T> {
  try {
    return await refresh();
  } catch (error) {
    if (error instanceof ComputeError && error.status === 401)
      throw new OAuthError("invalid_grant", error.message);
    throw error;
  }
}
