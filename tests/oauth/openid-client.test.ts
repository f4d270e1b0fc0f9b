import { beforeAll, expect, test } from "bun:test";
import * as client from "openid-client";
import { forAllTests } from "../support/for-all-tests.ts";
import { FormBrowser } from "../support/form-browser.ts";
import { TestServer } from "../support/server.ts";

const CLI = "tanvrit-compute-cli";
const PASSWORD = "correct horse battery";
const CALLBACK = "http://127.0.0.1:49152/callback";

const server = forAllTests(
  await TestServer.start(
    {},
    {
      oauthClients: [{ id: "dashboard", name: "Dashboard", redirectUris: ["https://dash.example/in"] }],
    },
  ),
);
const { api } = server;
const url = new URL(api.url);
const browser = new FormBrowser();
let config: client.Configuration;

beforeAll(async () => {
  const as = await api.user("shop", "anna");
  await api.call("auth.set-email", { email: "anna@example.org" }, as);
  await api.call("auth.set-password", { newPassword: PASSWORD }, as);
  await browser.submit(new URL("/sign-in", url), {
    email: "anna@example.org",
    password: PASSWORD,
    way: "password",
  });
  config = await discover();
});

/** What anna answers on the page of a device. */
function answer(userCode: string, answer: "allow" | "deny"): Promise<Response> {
  return browser.submit(new URL(`/device?user_code=${userCode}`, url), { answer });
}

function discover(clientId = CLI): Promise<client.Configuration> {
  const options = { execute: [client.allowInsecureRequests] };
  return client.discovery(url, clientId, undefined, client.None(), options);
}

async function signIn(more: Record<string, string> = {}, by = config) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const asked = client.buildAuthorizationUrl(by, {
    redirect_uri: CALLBACK,
    scope: "openid profile",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    ...more,
  });
  const answered = await browser.submitAndLeave(asked, { answer: "allow" });
  const trade = () =>
    client.authorizationCodeGrant(by, answered, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      ...(more.nonce !== undefined && { expectedNonce: more.nonce }),
    });
  return { answered, trade };
}

test("openid-client finds everything it needs in the metadata, also as an OAuth server without OpenID Connect", async () => {
  const { issuer, jwks_uri } = config.serverMetadata();
  expect(issuer).toBe(url.origin);
  expect(jwks_uri).toBe(`${url.origin}/oauth/jwks`);
  expect(config.serverMetadata().supportsPKCE()).toBe(true);
  const options = { execute: [client.allowInsecureRequests], algorithm: "oauth2" as const };
  const other = await client.discovery(url, CLI, undefined, client.None(), options);
  expect(other.serverMetadata()).toMatchObject({ issuer, jwks_uri });
});

test("openid-client signs in by code and PKCE, refreshes, asks who it is, and signs out", async () => {
  const nonce = client.randomNonce();
  const { trade } = await signIn({ nonce });
  const tokens = await trade();
  const claims = tokens.claims();
  expect(claims).toMatchObject({ aud: CLI, nonce, name: "anna", iss: url.origin });
  const who = await client.fetchUserInfo(config, tokens.access_token, String(claims?.sub));
  expect(who).toMatchObject({ name: "anna" });
  expect(await api.call("auth.whoami", {}, { token: tokens.access_token })).toMatchObject({
    userName: "anna",
    businessName: "shop",
  });
  const next = await client.refreshTokenGrant(config, String(tokens.refresh_token));
  expect(next.refresh_token).not.toBe(tokens.refresh_token);
  await client.tokenRevocation(config, String(next.refresh_token));
  await expect(client.refreshTokenGrant(config, String(next.refresh_token))).rejects.toMatchObject({
    error: "invalid_grant",
  });
  expect((await api.refused("auth.whoami", {}, { token: next.access_token })).code).toBe("session_ended");
});

test("a code that comes back ends the session that it gave", async () => {
  const { trade } = await signIn();
  const { access_token: token } = await trade();
  await api.call("auth.whoami", {}, { token });
  await expect(trade()).rejects.toMatchObject({ error: "invalid_grant" });
  expect((await api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
});

test("openid-client signs a device in: it waits, a person lets it in, and it gets its tokens once", async () => {
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid" });
  expect(begun.verification_uri).toBe(`${url.origin}/device`);
  expect(begun.verification_uri_complete).toContain(begun.user_code);
  const waiting = client.pollDeviceAuthorizationGrant(config, begun);
  expect((await answer(begun.user_code.toLowerCase().replace("-", "+"), "allow")).status).toBe(200);
  const tokens = await waiting;
  expect(tokens.claims()?.aud).toBe(CLI);
  await api.call("auth.whoami", {}, { token: tokens.access_token });
  await expect(client.pollDeviceAuthorizationGrant(config, begun)).rejects.toMatchObject({
    error: "invalid_grant",
  });
});

test("openid-client learns that a person refused a device", async () => {
  const begun = await client.initiateDeviceAuthorization(config, {});
  await answer(begun.user_code, "deny");
  await expect(client.pollDeviceAuthorizationGrant(config, begun)).rejects.toMatchObject({
    error: "access_denied",
  });
});

test("a program of the config file signs people in at its own address, and gets nothing at another", async () => {
  const dashboard = await discover("dashboard");
  const { answered, trade } = await signIn({ redirect_uri: "https://dash.example/in" }, dashboard);
  expect(answered.origin).toBe("https://dash.example");
  const tokens = await trade();
  expect(tokens.claims()?.aud).toBe("dashboard");
  await api.call("auth.whoami", {}, { token: tokens.access_token });
  // The command line is another client, so it cannot renew or revoke what the dashboard got.
  const refreshToken = String(tokens.refresh_token);
  await expect(client.refreshTokenGrant(config, refreshToken)).rejects.toMatchObject({
    error: "invalid_grant",
  });
  await client.refreshTokenGrant(dashboard, refreshToken);
  for (const redirect_uri of [
    "https://dash.example/in/",
    "https://evil.example/",
    `${url.origin}/portal/callback`,
  ]) {
    const asked = client.buildAuthorizationUrl(dashboard, { redirect_uri, code_challenge: "x", state: "s" });
    const page = await browser.open(asked);
    expect([page.status, new URL(page.url).origin]).toEqual([400, url.origin]);
  }
});

test("a request without PKCE, or with the method plain, goes back to the program as an error", async () => {
  const wrong: Record<string, string>[] = [
    {},
    { code_challenge: "c".repeat(43) },
    { code_challenge: "c".repeat(43), code_challenge_method: "plain" },
  ];
  for (const more of wrong) {
    const asked = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, state: "s-1", ...more });
    const back = await browser.until(asked, "/callback");
    expect(Object.fromEntries(back.searchParams)).toMatchObject({
      error: "invalid_request",
      state: "s-1",
      iss: url.origin,
    });
  }
});

test("a code that comes with another verifier, client or redirect URI gives nothing, and stays valid", async () => {
  const { answered, trade } = await signIn();
  const code = answered.searchParams.get("code") ?? "";
  const right = { grant_type: "authorization_code", code, client_id: CLI, redirect_uri: CALLBACK };
  const verifier = client.randomPKCECodeVerifier();
  for (const change of [
    { code_verifier: verifier },
    { code_verifier: verifier, client_id: "dashboard" },
    { code_verifier: verifier, redirect_uri: "http://127.0.0.1:1/callback" },
    { code_verifier: "short" },
  ]) {
    const body = new URLSearchParams({ ...right, ...change });
    const response = await api.fetch("/oauth/token", { method: "POST", body });
    expect([response.status, await response.json()]).toMatchObject([400, { error: "invalid_grant" }]);
  }
  expect((await trade()).token_type).toBe("bearer");
});
