import { beforeAll, expect, test } from "bun:test";
import * as client from "openid-client";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedPage } from "./page.ts";

const CLI = "tanvrit-compute-cli";
const CALLBACK = "http://127.0.0.1:49152/callback";

const plane = forAllTests(await TestPlane.start());
const url = new URL(plane.api.url);
let page: PlayedPage;
let config: client.Configuration;

beforeAll(async () => {
  const { identity } = await plane.api.signIn("shop", "anna");
  page = new PlayedPage(plane.stores, () => plane.now(), identity);
  config = await discover();
});

function discover(clientId = CLI): Promise<client.Configuration> {
  const options = { execute: [client.allowInsecureRequests] };
  return client.discovery(url, clientId, undefined, client.None(), options);
}

async function signIn(more: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const asked = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: "openid profile",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    ...more,
  });
  const answered = await page.allow(asked);
  const trade = () =>
    client.authorizationCodeGrant(config, answered, {
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
  expect(await plane.api.call("auth.whoami", {}, { token: tokens.access_token })).toMatchObject({
    userName: "anna",
    businessName: "shop",
  });
  const next = await client.refreshTokenGrant(config, String(tokens.refresh_token));
  expect(next.refresh_token).not.toBe(tokens.refresh_token);
  await client.tokenRevocation(config, String(next.refresh_token));
  await expect(client.refreshTokenGrant(config, String(next.refresh_token))).rejects.toMatchObject({
    error: "invalid_grant",
  });
  expect((await plane.api.refused("auth.whoami", {}, { token: next.access_token })).code).toBe(
    "session_ended",
  );
});

test("a code that comes back ends the session that it gave", async () => {
  const { trade } = await signIn();
  const { access_token: token } = await trade();
  await plane.api.call("auth.whoami", {}, { token });
  await expect(trade()).rejects.toMatchObject({ error: "invalid_grant" });
  expect((await plane.api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
});

test("openid-client signs a device in: it waits, a person lets it in, and it gets its tokens once", async () => {
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid" });
  expect(begun.verification_uri).toBe(`${url.origin}/device`);
  expect(begun.verification_uri_complete).toContain(begun.user_code);
  const waiting = client.pollDeviceAuthorizationGrant(config, begun);
  expect(await page.letIn(begun.user_code.toLowerCase().replace("-", " "))).toBe(true);
  const tokens = await waiting;
  expect(tokens.claims()?.aud).toBe(CLI);
  await plane.api.call("auth.whoami", {}, { token: tokens.access_token });
  await expect(client.pollDeviceAuthorizationGrant(config, begun)).rejects.toMatchObject({
    error: "invalid_grant",
  });
});

test("openid-client learns that a person refused a device", async () => {
  const begun = await client.initiateDeviceAuthorization(config, {});
  await page.refuse(begun.user_code);
  await expect(client.pollDeviceAuthorizationGrant(config, begun)).rejects.toMatchObject({
    error: "access_denied",
  });
});
