import { idFrom } from "../../shared/ids.ts";

/** A program that signs people in through this server. All are public clients (RFC 6749 §2.1): none has a secret. */
export interface OAuthClient {
  clientId: string;
  /** What the consent page calls it. */
  name: string;
  /** It is a part of this server, so people who are signed in here need not let it in. */
  isOwn?: true;
  /** Whether a redirect URI belongs to the client; loopback ones match with any port (RFC 8252 §7.3). */
  accepts(redirectUri: string): boolean;
}

/** A checked request to `/oauth/authorize` (RFC 6749 §4.1.1 with RFC 7636). */
export interface AuthorizationRequest {
  client: OAuthClient;
  redirectUri: string;
  /** Of the method S256. */
  codeChallenge: string;
  scope: readonly string[];
  state: string | undefined;
  /** OpenID Connect's nonce, which comes back in the ID token. */
  nonce: string | undefined;
  /** OpenID Connect's `prompt`. With `none`, refuse with `login_required` instead of showing a page. */
  prompt: readonly string[];
}

/** Whom a person lets a client act as: themselves in one of their businesses. */
export interface Grantee {
  userId: string;
  businessId: string;
  /** The sign-in of the browser, for a client that is signed in as long as the browser is. */
  visitId?: string;
}

/** The session of the portal in a browser. All its tabs share it, so a new tab is no new sign-in. */
export function portalSessionId(visitId: string, businessId: string): string {
  return idFrom("ses", `portal ${visitId} ${businessId}`);
}

/** Errors of the authorization endpoint that only its page finds (RFC 6749 §4.1.2.1; OpenID Connect Core §3.1.2.6). */
export type RefusedAuthorization = "access_denied" | "login_required" | "consent_required";

/** The part of the authorization server behind the page of `/oauth/authorize`. `origin` is the one of the request, without a path. */
export interface Authorizations {
  /**
   * Reads the query of a request. Throws ComputeError `invalid_request` if it must be shown to the person because the client
   * or its redirect URI is unknown, and RedirectedError if it goes back to the client.
   */
  read(query: URLSearchParams, origin: string): AuthorizationRequest;
  /** The URL to send the browser to, with a code that is valid once, for a minute. */
  allow(request: AuthorizationRequest, by: Grantee, origin: string): Promise<URL>;
  /** The URL to send the browser to with an error. */
  deny(request: AuthorizationRequest, origin: string, error?: RefusedAuthorization): URL;
}

/** An error of the authorization endpoint that goes to the client (RFC 6749 §4.1.2.1). */
export class RedirectedError extends Error {
  override name = "RedirectedError";
  constructor(readonly location: URL) {
    super("The authorization request was refused");
  }
}

/** A device that waits for a person to let it in (RFC 8628). */
export interface WaitingDevice {
  /** As the person types it: `BCDF-GHJK`. */
  userCode: string;
  clientName: string;
  /** The address that asked, and what it calls itself. */
  from: string | undefined;
  agent: string | undefined;
  createdAtMs: number;
  expiresAtMs: number;
}

/** The part of the authorization server behind the page of `/device`. */
export interface Devices {
  /** Accepts a code in any case, with and without the hyphen. undefined: nothing waits with it, or not any more. */
  find(userCode: string): Promise<WaitingDevice | undefined>;
  /** Resolves with whether the device still waited. */
  allow(userCode: string, by: Grantee): Promise<boolean>;
  deny(userCode: string): Promise<boolean>;
}

export const oauthPaths = {
  authorize: "/oauth/authorize",
  token: "/oauth/token",
  revoke: "/oauth/revoke",
  deviceAuthorization: "/oauth/device_authorization",
  jwks: "/oauth/jwks",
  userInfo: "/oauth/userinfo",
  /** Where a person types the code of a device. */
  device: "/device",
  metadata: "/.well-known/oauth-authorization-server",
  openIdMetadata: "/.well-known/openid-configuration",
} as const;
