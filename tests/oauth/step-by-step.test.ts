import { beforeAll, expect, test } from "bun:test";
import * as oauth from "oauth4webapi";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedPage } from "./page.ts";

const CLI: oauth.Client = { client_id: "tanvrit-compute-cli" };
const CALLBACK = "http://[::1]:50001/callback";
const INSECURE = { [oauth.allowInsecureRequests]: true };
const NONE = oauth.None();

const plane = forAllTests(await TestPlane.start());
const issuer = new URL(new URL(plane.api.url).origin);
let page: PlayedPage;
let server: oauth.AuthorizationServer;

beforeAll(async () => {
  const { identity } = await plane.api.signIn("lab", "ben");
  page = new PlayedPage(plane.stores, () => plane.now(), identity);
  const answer = await oauth.discoveryRequest(issuer, { ...INSECURE, algorithm: "oauth2" });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});

test("oauth4webapi signs in by code and PKCE, verifies the tokens with the published keys, refreshes and revokes", async () => {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const asked = new URL(String(server.authorization_endpoint));
  asked.search = new URLSearchParams({
    client_id: CLI.client_id,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "openid",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  }).toString();
  const answered = oauth.validateAuthResponse(server, CLI, await page.allow(asked), state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    CLI,
    NONE,
    answered,
    CALLBACK,
    verifier,
    INSECURE,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, CLI, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, response, INSECURE);
  const request = new Request(new URL("/", issuer), {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  const claims = await oauth.validateJwtAccessToken(server, request, "tanvrit-compute", INSECURE);
  expect(claims).toMatchObject({ userId: claims.sub, role: "owner", client_id: CLI.client_id });
  expect(claims.exp - claims.iat).toBe(900);

  const refreshed = await oauth.refreshTokenGrantRequest(
    server,
    CLI,
    NONE,
    String(tokens.refresh_token),
    INSECURE,
  );
  const next = await oauth.processRefreshTokenResponse(server, CLI, refreshed);
  const revoked = await oauth.revocationRequest(server, CLI, NONE, next.access_token, INSECURE);
  await oauth.processRevocationResponse(revoked);
  expect((await plane.api.refused("auth.whoami", {}, { token: next.access_token })).code).toBe(
    "session_ended",
  );
});

test("oauth4webapi lets a device in that asks again and again, and has to slow down if it asks too soon", async () => {
  const begun = await oauth.processDeviceAuthorizationResponse(
    server,
    CLI,
    await oauth.deviceAuthorizationRequest(server, CLI, NONE, new URLSearchParams(), INSECURE),
  );
  const poll = async () => {
    const response = await oauth.deviceCodeGrantRequest(server, CLI, NONE, begun.device_code, INSECURE);
    return oauth.processDeviceCodeResponse(server, CLI, response);
  };
  await expect(poll()).rejects.toMatchObject({ error: "authorization_pending" });
  await expect(poll()).rejects.toMatchObject({ error: "slow_down" });
  plane.pass(3);
  // It must wait five seconds longer than before.
  await expect(poll()).rejects.toMatchObject({ error: "slow_down" });
  plane.pass(13);
  await expect(poll()).rejects.toMatchObject({ error: "authorization_pending" });
  await page.letIn(begun.user_code);
  expect(await poll()).toMatchObject({ token_type: "bearer" });
  await expect(poll()).rejects.toMatchObject({ error: "invalid_grant" });
});

test("a device that nobody lets in within ten minutes gets expired_token", async () => {
  const begun = await oauth.processDeviceAuthorizationResponse(
    server,
    CLI,
    await oauth.deviceAuthorizationRequest(server, CLI, NONE, new URLSearchParams(), INSECURE),
  );
  plane.pass(begun.expires_in);
  expect(await page.letIn(begun.user_code)).toBe(false);
  const response = await oauth.deviceCodeGrantRequest(server, CLI, NONE, begun.device_code, INSECURE);
  await expect(oauth.processDeviceCodeResponse(server, CLI, response)).rejects.toMatchObject({
    error: "expired_token",
  });
});
