import * as oauth from "oauth4webapi";
import type { Env } from "../../shared/config/home.ts";
import { withLimit } from "../../shared/wait.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import {
  type AuthorizationServer,
  CLI_CLIENT,
  type GrantedTokens,
  refusalOf,
} from "./authorization-server.ts";
import { listenForCallback } from "./callback.ts";
import { openBrowser } from "./open-browser.ts";

/** As long as a person may take for the pages of the sign-in. */
const LIMIT_MS = 10 * 60_000;

/**
 * Signs in with the browser on this machine: it brings back a code to a port on loopback that is open only meanwhile
 * (RFC 8252), which only this process can trade for tokens (RFC 7636). Throws CliError `not_signed_in` if there is no
 * sign-in.
 */
export async function signInByBrowser(
  server: AuthorizationServer,
  env: Env,
  output: Output,
): Promise<GrantedTokens> {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  await using callback = listenForCallback(state);
  const page = await pageOf(server, { verifier, state, redirectUri: callback.url });
  const isOpening = openBrowser(env, page.href);
  await output.note(
    `${isOpening ? "Your browser opens to sign in. If it does not, open" : "To sign in, open"} this page on this machine:\n\n    ${page.href}\n\n` +
      "Waiting for you to sign in there. Ctrl-C ends the wait; --device signs in with a browser on another machine.",
  );
  const { parameters, reply } = await withLimit(LIMIT_MS, callback.arrived, tooLate);
  try {
    const tokens = await trade(server, parameters, { verifier, state, redirectUri: callback.url });
    await reply("You are signed in", "Close this page and go on in the terminal.");
    return tokens;
  } catch (error) {
    await reply("You are not signed in", "The terminal says why.");
    throw error;
  }
}

interface Secrets {
  verifier: string;
  state: string;
  redirectUri: string;
}

async function pageOf(
  { facts, url }: AuthorizationServer,
  { verifier, state, redirectUri }: Secrets,
): Promise<URL> {
  const endpoint = facts.authorization_endpoint ?? "";
  if (!endpoint.startsWith(`${url}/`)) {
    throw new CliError("not_signed_in", `the server at ${url} has no page to sign in`, {
      todo: "Use --device, or set TANVRIT_TOKEN",
    });
  }
  const page = new URL(endpoint);
  const query = {
    response_type: "code",
    client_id: CLI_CLIENT.client_id,
    redirect_uri: redirectUri,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  };
  for (const [name, value] of Object.entries(query)) page.searchParams.set(name, value);
  return page;
}

/** Trades the code for tokens, after checking that it comes from this server and belongs to this sign-in (RFC 9207). */
async function trade(
  server: AuthorizationServer,
  arrived: URLSearchParams,
  { verifier, state, redirectUri }: Secrets,
): Promise<GrantedTokens> {
  const { facts, requests } = server;
  try {
    return await server.exchange(async () => {
      const parameters = oauth.validateAuthResponse(facts, CLI_CLIENT, arrived, state);
      const response = await oauth.authorizationCodeGrantRequest(
        facts,
        CLI_CLIENT,
        oauth.None(),
        parameters,
        redirectUri,
        verifier,
        requests,
      );
      return server.tokensOf(await oauth.processAuthorizationCodeResponse(facts, CLI_CLIENT, response));
    });
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): unknown {
  const isRefusal =
    error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError;
  if (!isRefusal) return error;
  if (error.error === "access_denied")
    return new CliError("not_signed_in", "you denied the sign-in in the browser");
  return new CliError("not_signed_in", `the server refused the sign-in: ${refusalOf(error)}`, {
    todo: "Run the command again",
  });
}

function tooLate(): CliError {
  return new CliError("not_signed_in", `nobody signed in within ${LIMIT_MS / 60_000} min`, {
    todo: "Run the command again, or use --device to sign in with a browser on another machine",
  });
}
