import { hostname } from "node:os";
import * as oauth from "oauth4webapi";
import packageJson from "../../package.json" with { type: "json" };
import type { ComputeClient } from "../../sdk/client.ts";
import { ComputeError, UnreachableError } from "../../sdk/errors.ts";
import { oauthPaths } from "../../server/oauth/contract.ts";
import { CLI_CLIENT_ID } from "../../shared/auth.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { CliError } from "../exit/failure.ts";

/** How this program is known to the authorization server of every control plane. */
export const CLI_CLIENT: oauth.Client = { client_id: CLI_CLIENT_ID };

/** Tokens of a person, as the token endpoint gives them. */
export interface GrantedTokens {
  accessToken: string;
  accessTokenExpiresAt: string;
  refreshToken: string;
}

/** If the server does not say how long an access token lasts: as long as it does at every server of ours. */
const USUAL_SECONDS = 900;

/**
 * The authorization server in a control plane. Everything goes to the workspace's own URL, over a connection that proves
 * the server. A refusal is thrown as `oauth.ResponseBodyError` or `oauth.AuthorizationResponseError`; anything else that goes wrong as UnreachableError,
 * OtherServerError or ComputeError.
 */
export class AuthorizationServer {
  private constructor(
    private readonly client: ComputeClient,
    readonly facts: oauth.AuthorizationServer,
  ) {}

  /** At the paths that every server of ours has, for requests that need no other facts. */
  static at(client: ComputeClient): AuthorizationServer {
    const { url } = client;
    return new AuthorizationServer(client, {
      issuer: url,
      token_endpoint: url + oauthPaths.token,
      revocation_endpoint: url + oauthPaths.revoke,
    });
  }

  /** By its metadata (RFC 8414). Throws CliError `not_signed_in` if the server offers no sign-in under this URL. */
  static async find(client: ComputeClient): Promise<AuthorizationServer> {
    const issuer = new URL(client.url);
    const response = await client.ask(oauthPaths.metadata, { headers: { accept: "application/json" } });
    if (response.status !== 200) throw noSignIn(client.url, response);
    try {
      return new AuthorizationServer(client, await oauth.processDiscoveryResponse(issuer, response));
    } catch (error) {
      throw (
        otherIssuer(client.url, error) ?? new AuthorizationServer(client, { issuer: client.url }).odd(error)
      );
    }
  }

  get url(): string {
    return this.client.url;
  }

  /** Options of every request: over our own connection, whose URL has been checked before. */
  get requests() {
    const send = async (
      url: string,
      { method, headers, body }: oauth.CustomFetchOptions<string, unknown>,
    ) => {
      if (!url.startsWith(`${this.url}/`)) throw this.odd(`it wants a request to be sent to ${url}`);
      const response = await this.client.ask(url.slice(this.url.length), {
        method,
        headers: { ...headers, "user-agent": ownName() },
        body: body === undefined || body === null ? undefined : String(body),
      });
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      if (response.status === 404) throw new ComputeError("not_found", "The server has no OAuth endpoints.");
      // A proxy answers in its own words while the server behind it restarts.
      if (response.status >= 500 && !isJson) throw new UnreachableError(this.url, fails(response));
      return response;
    };
    return { [oauth.customFetch]: send, [oauth.allowInsecureRequests]: true };
  }

  /** Runs one exchange with the server, and turns what is wrong with the answer into an error of ours. */
  async exchange<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw this.isKnown(error) ? error : this.odd(error);
    }
  }

  tokensOf(answer: oauth.TokenEndpointResponse): GrantedTokens {
    const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = answer;
    if (refreshToken === undefined) throw this.odd("it gave no refresh token");
    const expiresAtMs = Date.now() + (seconds ?? USUAL_SECONDS) * 1_000;
    return { accessToken, refreshToken, accessTokenExpiresAt: new Date(expiresAtMs).toISOString() };
  }

  private isKnown(error: unknown): boolean {
    const ours = error instanceof UnreachableError || error instanceof ComputeError;
    const refused =
      error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError;
    return ours || refused || error instanceof CliError;
  }

  private odd(cause: unknown): UnreachableError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new UnreachableError(this.url, `its answer to the sign-in is not what the standard says: ${why}`, {
      cause,
      todo: "Check the URL and any proxy in between",
      temporary: false,
    });
  }
}

/** What the page of the sign-in shows about this program. */
function ownName(): string {
  const machine = hostname().replace(/[^\w.-]/g, "-");
  return `tanvrit-compute/${packageJson.version} (${machine}; ${process.platform})`;
}

/** What a refusal says, as a clause. */
export function refusalOf(refusal: Pick<oauth.ResponseBodyError, "error" | "error_description">): string {
  const { error, error_description: why } = refusal;
  return why?.replace(/\.$/, "") ?? error;
}

function noSignIn(url: string, response: Response): Error {
  const { status } = response;
  if (status >= 500) return new UnreachableError(url, fails(response));
  if (!isLoopbackUrl(url)) {
    return new CliError("not_signed_in", `what answers at ${url} (HTTP ${status}) offers no sign-in`, {
      todo: "Check the URL; an older server has to be upgraded first",
    });
  }
  const why = `what answers at ${url} is not a server of your account, and offers no other sign-in (HTTP ${status})`;
  return new CliError("not_signed_in", why, {
    todo: "Sign in as the account that runs it; as root, name its directory with --data-dir",
  });
}

function fails({ status }: Response): string {
  return `it answers with HTTP ${status}`;
}

/** The server is known under another URL, and people who sign in must see that one. */
function otherIssuer(url: string, error: unknown): CliError | undefined {
  const cause = error instanceof oauth.OperationProcessingError ? error.cause : undefined;
  const { attribute, body } = (cause ?? {}) as { attribute?: string; body?: { issuer?: string } };
  if (attribute !== "issuer" || body?.issuer === undefined) return undefined;
  return new CliError("not_signed_in", `the server at ${url} calls itself ${body.issuer}`, {
    todo: `Sign in with --url ${body.issuer}, or start the server with --public-url ${url} if that is its right name`,
  });
}
