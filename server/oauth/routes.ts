import type { Context } from "hono";
import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { App, Mount } from "../http/app.ts";
import { Bodies } from "../http/bodies.ts";
import { readForm } from "../http/form.ts";
import { isServerFault } from "../http/problem.ts";
import type { PeerInfo } from "../http/serve.ts";
import { oauthPaths } from "./contract.ts";
import { metadataOf } from "./metadata.ts";
import { descriptionOf, OAuthError } from "./oauth-error.ts";
import { grantedScope } from "./scopes.ts";
import type { TokenCaller, TokenEndpoint } from "./token-endpoint.ts";
import type { WaitingDevices } from "./waiting-devices.ts";

/** How long clients may remember the metadata and the keys. Each key is published a month before it signs. */
const CACHE_SECONDS = 300;

export interface OAuthRouteParts {
  endpoint: TokenEndpoint;
  devices: WaitingDevices;
  tokens: Tokens;
  people: PersonStore;
  issuerOf(origin: string): string;
  log: Logger;
}

type RouteContext = Context<{ Bindings: PeerInfo }>;

/** The endpoints that OAuth's and OpenID Connect's standards describe, except the page of `/oauth/authorize`. */
export function oauthRoutes(parts: OAuthRouteParts): Mount {
  const bodies = new Bodies();
  /** A POST of a form, answered with JSON that nobody may keep. */
  const post = (
    app: App,
    path: string,
    answer: (form: URLSearchParams, caller: TokenCaller, c: RouteContext) => Promise<object>,
  ) => {
    app.post(path, async (c) => {
      try {
        refuseSecret(c.req.header("authorization"));
        const form = await readForm(bodies, c.req.raw);
        refuseSecret(form.get("client_secret"));
        return json(await answer(form, callerOf(c), c));
      } catch (error) {
        return refusal(parts.log, path, error);
      }
    });
    only(app, path, "POST");
  };
  return (app) => {
    for (const path of [oauthPaths.metadata, oauthPaths.openIdMetadata]) {
      app.get(path, (c) => published(metadataOf(parts.issuerOf(callerOf(c).origin))));
      only(app, path, "GET");
    }
    app.get(oauthPaths.jwks, async () => {
      const keys = await parts.tokens.keys.all();
      return published({ keys: keys.map(({ jwk }) => jwk) });
    });
    only(app, oauthPaths.jwks, "GET");
    post(app, oauthPaths.token, (form, caller) => parts.endpoint.answer(form, caller));
    post(app, oauthPaths.revoke, async (form, caller) => {
      await parts.endpoint.revoke(form, caller);
      return {};
    });
    post(app, oauthPaths.deviceAuthorization, (form, caller, c) => beginDevice(parts, form, caller, c));
    app.on(["GET", "POST"], oauthPaths.userInfo, (c) => userInfo(parts, c));
    only(app, oauthPaths.userInfo, "GET, POST");
  };
}

/** RFC 8628 §3.2. */
async function beginDevice(
  { endpoint, devices, issuerOf }: OAuthRouteParts,
  form: URLSearchParams,
  caller: TokenCaller,
  c: RouteContext,
) {
  const begun = await devices.begin({
    clientId: endpoint.clientOf(form, caller),
    scope: grantedScope(form.get("scope")),
    from: caller.from,
    agent: c.req.header("user-agent"),
  });
  const uri = issuerOf(caller.origin) + oauthPaths.device;
  return {
    device_code: begun.deviceCode,
    user_code: begun.userCode,
    verification_uri: uri,
    verification_uri_complete: `${uri}?user_code=${begun.userCode}`,
    expires_in: begun.lifeSeconds,
    interval: begun.intervalSeconds,
  };
}

/** OpenID Connect Core §5.3; errors as in RFC 6750 §3. */
async function userInfo({ tokens, people, log }: OAuthRouteParts, c: RouteContext): Promise<Response> {
  const token = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (token === undefined) return challenge("Bearer");
  try {
    const access = await tokens.verify(token);
    if (access.ticketOf !== undefined) return challenge('Bearer error="insufficient_scope"', 403);
    const person = await people.find(access.userId);
    return json({
      sub: access.userId,
      name: access.userName,
      preferred_username: access.userName,
      ...(person?.email !== undefined && { email: person.email }),
      userId: access.userId,
      businessId: access.businessId,
      role: access.role,
    });
  } catch (error) {
    if (error instanceof ComputeError && error.status === 401)
      return challenge(`Bearer error="invalid_token", error_description="${error.message}"`);
    return refusal(log, oauthPaths.userInfo, error);
  }
}

function callerOf(c: RouteContext): TokenCaller {
  return { origin: new URL(c.req.url).origin, from: c.env?.address };
}

/** All clients are public. One that sends a secret must not believe that the secret was checked. */
function refuseSecret(secret: string | null | undefined): void {
  if (!secret) return;
  const challenge = 'Basic realm="Tanvrit Compute"';
  const detail = "Clients of this server have no secret: send client_id in the body.";
  throw new OAuthError("invalid_client", detail, { challenge });
}

function json(body: object, status = 200, more: Record<string, string> = {}): Response {
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-store",
    pragma: "no-cache",
    ...more,
  };
  return new Response(JSON.stringify(body), { status, headers });
}

function published(body: object): Response {
  return json(body, 200, { "cache-control": `public, max-age=${CACHE_SECONDS}`, pragma: "" });
}

function challenge(value: string, status = 401): Response {
  return json({}, status, { "www-authenticate": value });
}

function refusal(log: Logger, path: string, error: unknown): Response {
  const known = oauthErrorOf(error);
  if (known.status >= 500 && isServerFault(error)) log.error("a request failed", { endpoint: path, error });
  const { retryAfterSeconds } = known.options;
  return json({ error: known.code, error_description: descriptionOf(known.message) }, known.status, {
    ...(retryAfterSeconds !== undefined && { "retry-after": String(Math.ceil(retryAfterSeconds)) }),
    ...(known.options.challenge !== undefined && { "www-authenticate": known.options.challenge }),
    ...((known.status === 408 || known.status === 413) && { connection: "close" }),
  });
}

function oauthErrorOf(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  if (!(error instanceof ComputeError))
    return new OAuthError("server_error", "Something went wrong in the server. Its log has the details.");
  const { status, message, retryAfterSeconds } = error;
  const options = { status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  if (status < 500 && status !== 429) return new OAuthError("invalid_request", message, options);
  return new OAuthError("temporarily_unavailable", message, options);
}

function only(app: App, path: string, methods: string): void {
  app.all(path, () => {
    const detail = `Use ${methods} here.`;
    return json({ error: "invalid_request", error_description: detail }, 405, { allow: methods });
  });
}
