import * as oauth from "oauth4webapi";
import type { ComputeClient } from "../../sdk/client.ts";
import { ComputeError } from "../../sdk/errors.ts";
import { headersOf } from "../../sdk/token-credentials.ts";
import { AuthorizationServer, CLI_CLIENT, type GrantedTokens, refusalOf } from "./authorization-server.ts";

/**
 * Trades a refresh token for new tokens. Throws ComputeError `session_ended` if the session has ended, and `unavailable` if
 * the server asks to come back later.
 */
export async function refreshTokens(client: ComputeClient, refreshToken: string): Promise<GrantedTokens> {
  const server = AuthorizationServer.at(client);
  const { facts, requests } = server;
  return await server
    .exchange(async () => {
      const response = await oauth.refreshTokenGrantRequest(
        facts,
        CLI_CLIENT,
        oauth.None(),
        refreshToken,
        requests,
      );
      return server.tokensOf(await oauth.processRefreshTokenResponse(facts, CLI_CLIENT, response));
    })
    .catch((error: unknown) => {
      if (isOlder(error)) return client.call("auth.refresh", { refreshToken });
      return asComputeError(error);
    });
}

/** Ends the session of these tokens (RFC 7009). Tokens that are not valid any more are no error. */
export async function revokeSession(
  client: ComputeClient,
  { accessToken, refreshToken }: Pick<GrantedTokens, "accessToken" | "refreshToken">,
): Promise<void> {
  const server = AuthorizationServer.at(client);
  const { facts, requests } = server;
  try {
    await server.exchange(async () =>
      oauth.processRevocationResponse(
        await oauth.revocationRequest(facts, CLI_CLIENT, oauth.None(), refreshToken, requests),
      ),
    );
  } catch (error) {
    if (!isOlder(error)) asComputeError(error);
    await client.signedBy({ headers: () => headersOf(accessToken) }).call("auth.logout", {});
  }
}

/** Whether the server was not upgraded yet, and has only its own endpoints. */
function isOlder(error: unknown): boolean {
  return error instanceof ComputeError && error.code === "not_found";
}

function asComputeError(error: unknown): never {
  if (!(error instanceof oauth.ResponseBodyError)) throw error;
  const why = `${refusalOf(error)}.`;
  if (error.error === "invalid_grant") throw new ComputeError("session_ended", why, { cause: error });
  const isBusy = error.status >= 500 || error.status === 429;
  throw new ComputeError(isBusy ? "unavailable" : "invalid_request", why, { cause: error });
}
