import { ComputeError } from "../../shared/errors.ts";
import { excerpt } from "../../shared/excerpt.ts";
import { digestOf, newSecret } from "../auth/bearer-secret.ts";
import { repeatedName } from "../http/form.ts";
import type { Clients } from "./clients.ts";
import {
  type AuthorizationRequest,
  type Authorizations,
  type Grantee,
  type OAuthClient,
  RedirectedError,
  type RefusedAuthorization,
} from "./contract.ts";
import { type GrantStore, wordsOf } from "./grant-store.ts";
import { descriptionOf } from "./oauth-error.ts";
import { grantedScope } from "./scopes.ts";

/** How long a code is valid. */
const CODE_LIFE_MS = 60_000;
const MAX_SHOWN = 80;
const MAX_STATE_LENGTH = 2_048;
const MAX_NONCE_LENGTH = 512;
/** The SHA-256 of a verifier, in base64url (RFC 7636 §4.2). */
const CHALLENGE = /^[\w-]{43}$/;

export interface AuthorizationParts {
  grants: GrantStore;
  clients: Clients;
  issuerOf(origin: string): string;
  /** Epoch milliseconds. */
  now: () => number;
}

type AnyError =
  | RefusedAuthorization
  | "invalid_request"
  | "unsupported_response_type"
  | "request_not_supported"
  | "request_uri_not_supported";

/** The authorization endpoint without its page (RFC 6749 §4.1.1, RFC 7636, RFC 9207). */
export class CodeAuthorizations implements Authorizations {
  constructor(private readonly parts: AuthorizationParts) {}

  read(sent: URLSearchParams, origin: string): AuthorizationRequest {
    const query = withoutEmpty(sent);
    const client = this.clientOf(query, origin);
    const redirectUri = redirectOf(query, client);
    const state = query.get("state") ?? undefined;
    const fail = (error: AnyError, description: string): never => {
      throw new RedirectedError(
        this.answer({ redirectUri, state }, origin, {
          error,
          error_description: descriptionOf(description),
        }),
      );
    };
    const repeated = repeatedName(query);
    if (repeated !== undefined)
      fail("invalid_request", `${excerpt(repeated, MAX_SHOWN)} is there more than once`);
    if ((state ?? "").length > MAX_STATE_LENGTH) fail("invalid_request", "state is too long");
    if (!query.has("response_type")) fail("invalid_request", "response_type is missing");
    if (query.get("response_type") !== "code")
      fail("unsupported_response_type", "this server supports response_type=code");
    if (query.has("request")) fail("request_not_supported", "this server takes no request objects");
    if (query.has("request_uri")) fail("request_uri_not_supported", "this server takes no request_uri");
    if ((query.get("response_mode") ?? "query") !== "query")
      fail("invalid_request", "this server supports response_mode=query");
    const codeChallenge = query.get("code_challenge") ?? "";
    if (!CHALLENGE.test(codeChallenge))
      fail("invalid_request", "code_challenge is needed: 43 characters of base64url (PKCE, RFC 7636)");
    // Without the parameter, it would be "plain", which protects nothing.
    if (query.get("code_challenge_method") !== "S256")
      fail("invalid_request", "code_challenge_method must be S256");
    const nonce = query.get("nonce") ?? undefined;
    if ((nonce ?? "").length > MAX_NONCE_LENGTH) fail("invalid_request", "nonce is too long");
    const prompt = wordsOf(query.get("prompt") ?? "");
    if (prompt.includes("none") && prompt.length > 1) fail("invalid_request", "prompt=none stands alone");
    const scope = grantedScope(query.get("scope"));
    return { client, redirectUri, codeChallenge, scope, state, nonce, prompt };
  }

  async allow(request: AuthorizationRequest, by: Grantee, origin: string): Promise<URL> {
    const { grants, now } = this.parts;
    const code = newSecret();
    const nowMs = now();
    await grants.addCode({
      codeHash: digestOf(code),
      clientId: request.client.clientId,
      redirectUri: request.redirectUri,
      codeChallenge: request.codeChallenge,
      scope: request.scope,
      ...(request.nonce !== undefined && { nonce: request.nonce }),
      userId: by.userId,
      businessId: by.businessId,
      ...(by.visitId !== undefined && { visitId: by.visitId }),
      createdAtMs: nowMs,
      expiresAtMs: nowMs + CODE_LIFE_MS,
    });
    return this.answer(request, origin, { code });
  }

  deny(request: AuthorizationRequest, origin: string, error: RefusedAuthorization = "access_denied"): URL {
    return this.answer(request, origin, { error });
  }

  private clientOf(query: URLSearchParams, origin: string): OAuthClient {
    const [clientId, ...more] = query.getAll("client_id");
    const client = clientId === undefined ? undefined : this.parts.clients.find(clientId, origin);
    if (client && more.length === 0) return client;
    throw new ComputeError(
      "invalid_request",
      `The program that sent you here is not known on this server: client_id is ${excerpt(clientId ?? "missing", MAX_SHOWN)}. Its maker can ask the server's operator to add it to oauthClients in the server's config file.`,
    );
  }

  private answer(
    { redirectUri, state }: Pick<AuthorizationRequest, "redirectUri" | "state">,
    origin: string,
    values: Readonly<Record<string, string>>,
  ): URL {
    const url = new URL(redirectUri);
    for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
    if (state !== undefined) url.searchParams.set("state", state);
    url.searchParams.set("iss", this.parts.issuerOf(origin));
    return url;
  }
}

/** A parameter without a value counts as one that is not there (RFC 6749 §3.1). */
function withoutEmpty(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([, value]) => value !== ""));
}

function redirectOf(query: URLSearchParams, client: OAuthClient): string {
  const [redirectUri, ...more] = query.getAll("redirect_uri");
  if (redirectUri !== undefined && more.length === 0 && client.accepts(redirectUri)) return redirectUri;
  throw new ComputeError(
    "invalid_request",
    `${client.name} wants to continue at an address that does not belong to it: redirect_uri is ${excerpt(redirectUri ?? "missing", MAX_SHOWN)}. Nothing was sent there.`,
  );
}
