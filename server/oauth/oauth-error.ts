/** The error codes of our OAuth endpoints, with their HTTP status. */
const statusOf = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_token_type: 400,
  invalid_scope: 400,
  access_denied: 400,
  // Of RFC 8628 §3.5.
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  // Not for the token endpoint in RFC 6749, which leaves failures of the server to HTTP.
  temporarily_unavailable: 503,
  server_error: 500,
} as const;

type OAuthErrorCode = keyof typeof statusOf;

/** The text with only the characters that an `error_description` may have (RFC 6749 §4.1.2.1 and §5.2). */
export function descriptionOf(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
}

/** An error of an OAuth endpoint (RFC 6749 §5.2): the code is for programs, the message is for the programmer. */
export class OAuthError extends Error {
  override name = "OAuthError";

  /** @param options.challenge is the WWW-Authenticate header, for clients that sent `Authorization`. */
  constructor(
    readonly code: OAuthErrorCode,
    description: string,
    readonly options: { retryAfterSeconds?: number; status?: number; challenge?: string } = {},
  ) {
    super(description);
  }

  get status(): number {
    return this.options.status ?? statusOf[this.code];
  }
}
