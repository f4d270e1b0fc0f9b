import type { EndSession, Tokens } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { CodeAuthorizations } from "../oauth/authorizations.ts";
import { Clients, type OAuthClientSetting } from "../oauth/clients.ts";
import { grantExpiryTask } from "../oauth/expiry-task.ts";
import { oauthRoutes } from "../oauth/routes.ts";
import { TokenEndpoint } from "../oauth/token-endpoint.ts";
import { WaitingDevices } from "../oauth/waiting-devices.ts";
import type { PlaneBase } from "./base.ts";

export interface OAuthParts {
  urls: OwnUrls;
  tokens: Tokens;
  endSession: EndSession;
  /** Programs besides our own that may sign people in. */
  clients: readonly OAuthClientSetting[] | undefined;
}

/** The authorization server: what people allow, and what programs get for it. */
export function composeOAuth(base: PlaneBase, { urls, tokens, endSession, clients: others }: OAuthParts) {
  const { stores, log, now, runnerOf, record } = base;
  const { grants, sessions, people } = stores;
  const clients = new Clients(urls, others);
  const issuerOf = (origin: string) => urls.publicUrl ?? origin;
  const authorizations = new CodeAuthorizations({ grants, clients, issuerOf, now });
  const devices = new WaitingDevices({ grants, clients, now });
  const endpoint = new TokenEndpoint({
    grants,
    clients,
    devices,
    sessions,
    people,
    tokens,
    endSession,
    onSignIn: ({ userId, userName, businessId, sessionId, clientId }, from) =>
      record(businessId, {
        event: "signed in",
        actor: { kind: "user", userId, userName, sessionId },
        ...(from !== undefined && { from }),
        of: { client: clientId },
      }),
    issuerOf,
    now,
  });
  const mount = oauthRoutes({ endpoint, devices, tokens, people, issuerOf, log });
  const clientName = (clientId: string) => clients.find(clientId, "")?.name;
  return { clientName, authorizations, devices, mount, runner: runnerOf(grantExpiryTask(grants)) };
}
