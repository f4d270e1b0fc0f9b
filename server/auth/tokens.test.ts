import { expect, test } from "bun:test";
import { SignJWT } from "jose";
import { newId } from "../../shared/ids.ts";
import { AuthWorld } from "../../tests/support/auth-world.ts";
import { Tokens } from "./tokens.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const unauthenticated = { code: "unauthenticated" };
const sessionEnded = { code: "session_ended" };

test("an access token identifies its user on every server that shares the store", async () => {
  await using world = await AuthWorld.open();
  const [here, there] = [await world.tokens(), await world.tokens()];
  const { accessToken, identity } = await here.issue(await world.signIn("anna", "shop"));
  expect(identity).toMatchObject({ userName: "anna", businessName: "shop", role: "owner" });
  expect(await here.verify(accessToken)).toMatchObject(identity);
  expect(await there.verify(accessToken)).toMatchObject(identity);
  const [header = "", payload = ""] = accessToken.split(".").map((part) => atobUrl(part));
  expect(JSON.parse(header)).toMatchObject({ alg: "EdDSA", typ: "at+jwt", kid: expect.any(String) });
  const { userId, businessId, role, sessionId } = identity;
  expect(JSON.parse(payload)).toMatchObject({ sub: userId, userId, businessId, role, sid: sessionId });
});

test("an access token expires after fifteen minutes, even if it was verified before", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const { accessToken } = await tokens.issue(await world.signIn());
  world.aheadMs = 14 * MINUTE_MS;
  await tokens.verify(accessToken);
  world.aheadMs = 15 * MINUTE_MS + 1_000;
  await expect(tokens.verify(accessToken)).rejects.toMatchObject({ code: "token_expired" });
  await expect((await world.tokens()).verify(accessToken)).rejects.toMatchObject({ code: "token_expired" });
});

test("an access token issued while the clock was ahead is valid no longer than any other", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  world.aheadMs = 120 * MINUTE_MS;
  const { accessToken } = await tokens.issue(await world.signIn());
  await tokens.verify(accessToken);
  world.aheadMs = 0;
  await expect(tokens.verify(accessToken)).rejects.toMatchObject({ code: "token_expired" });
});

test("forged, altered and foreign tokens are rejected", async () => {
  await using world = await AuthWorld.open();
  await using elsewhere = await AuthWorld.open();
  const tokens = await world.tokens();
  const session = await world.signIn();
  const { accessToken } = await tokens.issue(session);
  const [header = "", payload = "", signature = ""] = accessToken.split(".");
  const claims = JSON.parse(atobUrl(payload));
  const { kid, privateKey, jwk } = await tokens.keys.current();
  const right = { alg: "EdDSA", typ: "at+jwt", kid };
  const sign = (change: object, head: object = {}) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader({ ...right, ...head }).sign(privateKey);
  const publicBytes = Buffer.from(jwk.x ?? "", "base64url");
  const withPublicKey = (key: Uint8Array) =>
    new SignJWT(claims).setProtectedHeader({ ...right, alg: "HS256" }).sign(key);
  await tokens.verify(await sign({}));
  const bad = [
    "",
    "x",
    "a.b.c",
    `${header}.${payload}.`,
    `${header}.${toUrl({ ...claims, role: "admin" })}.${signature}`,
    `${toUrl({ alg: "none" })}.${payload}.`,
    `${toUrl({ ...right, alg: "none" })}.${payload}.`,
    await withPublicKey(publicBytes),
    await withPublicKey(Buffer.from(JSON.stringify(jwk))),
    await sign({}, { typ: "JWT" }),
    await sign({}, { typ: "wait+jwt" }),
    await sign({}, { kid: undefined }),
    await sign({}, { kid: "../../../../dev/null" }),
    await sign({}, { kid: "signing-key/0" }),
    await sign({}, { kid: undefined, jwk }),
    await sign({ aud: "tanvrit-compute-wait" }),
    await sign({ aud: "somebody" }),
    await sign({ exp: undefined }),
    await sign({ businessId: undefined }),
    await sign({ role: "king" }),
    (await (await elsewhere.tokens()).issue(session)).accessToken,
    await new SignJWT(claims).setProtectedHeader({ alg: "HS512" }).sign(new Uint8Array(64)),
  ];
  for (const token of bad) await expect(tokens.verify(token)).rejects.toMatchObject(unauthenticated);
  await expect(tokens.verify(await sign({ sid: "ses_00000000000000000000000000" }))).rejects.toMatchObject(
    sessionEnded,
  );
});

test("a revoked session ends its access token and its refresh token immediately", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const session = await world.signIn();
  const { accessToken, refreshToken } = await tokens.issue(session);
  await tokens.verify(accessToken);
  await world.sessions.revoke(session.sessionId, world.now());
  await expect(tokens.verify(accessToken)).rejects.toMatchObject(sessionEnded);
  await expect(tokens.refresh(refreshToken, world.endSession)).rejects.toMatchObject(sessionEnded);
});

test("each refresh gives the next refresh token", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  let { refreshToken } = await tokens.issue(await world.signIn());
  const seen = new Set([refreshToken]);
  for (let i = 0; i < 5; i++) {
    world.aheadMs += 20 * MINUTE_MS;
    const next = await tokens.refresh(refreshToken, world.endSession);
    expect(await tokens.verify(next.accessToken)).toMatchObject(next.identity);
    refreshToken = next.refreshToken;
    seen.add(refreshToken);
  }
  expect(seen.size).toBe(6);
});

test("processes that refresh with the same token at the same time all get the same next token", async () => {
  await using world = await AuthWorld.open();
  const servers = [await world.tokens(), await world.tokens()];
  const { refreshToken } = await (await world.tokens()).issue(await world.signIn());
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => servers[i % 2]?.refresh(refreshToken, world.endSession)),
  );
  const next = new Set(answers.map((answer) => answer?.refreshToken));
  expect(next.size).toBe(1);
  expect(next.has(refreshToken)).toBe(false);
});

test("the previous refresh token is valid for a minute; after that its use ends the session", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const { refreshToken: first } = await tokens.issue(await world.signIn());
  const { refreshToken: second } = await tokens.refresh(first, world.endSession);
  world.aheadMs = MINUTE_MS - 1_000;
  expect((await tokens.refresh(first, world.endSession)).refreshToken).toBe(second);
  world.aheadMs = MINUTE_MS + 1_000;
  await expect(tokens.refresh(first, world.endSession)).rejects.toMatchObject(sessionEnded);
  await new Promise(setImmediate);
  await expect(tokens.refresh(second, world.endSession)).rejects.toMatchObject(sessionEnded);
});

test("a token that is two generations old ends the session even within the minute", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const { refreshToken: first } = await tokens.issue(await world.signIn());
  const { refreshToken: second } = await tokens.refresh(first, world.endSession);
  const { refreshToken: third, accessToken } = await tokens.refresh(second, world.endSession);
  await expect(tokens.refresh(first, world.endSession)).rejects.toMatchObject(sessionEnded);
  await expect(tokens.refresh(third, world.endSession)).rejects.toMatchObject(sessionEnded);
  await expect(tokens.verify(accessToken)).rejects.toMatchObject(sessionEnded);
});

test("a made-up refresh token ends nobody's session", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const { refreshToken, accessToken } = await tokens.issue(await world.signIn());
  const [head = "", , mac = ""] = refreshToken.split(".");
  const bad = [
    "",
    "tnvr_",
    "x".repeat(500),
    `${head}.2.${mac}`,
    `${refreshToken}x`,
    refreshToken.slice(0, -1),
  ];
  for (const token of bad)
    await expect(tokens.refresh(token, world.endSession)).rejects.toMatchObject(unauthenticated);
  await tokens.verify(accessToken);
  await tokens.refresh(refreshToken, world.endSession);
});

function atobUrl(part: string): string {
  return Buffer.from(part, "base64url").toString();
}

function toUrl(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("an unused session ends after thirty days, and a used one after a hundred and eighty", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const idle = await tokens.issue(await world.signIn());
  let used = await tokens.issue(await world.signIn());
  for (let day = 20; day < 180; day += 20) {
    world.aheadMs = day * DAY_MS;
    used = await tokens.refresh(used.refreshToken, world.endSession);
    if (day !== 40) continue;
    const unused = tokens.refresh(idle.refreshToken, world.endSession);
    await expect(unused).rejects.toMatchObject({
      ...sessionEnded,
      message: expect.stringContaining("30 days"),
    });
  }
  world.aheadMs = 181 * DAY_MS;
  const old = tokens.refresh(used.refreshToken, world.endSession);
  await expect(old).rejects.toMatchObject({ ...sessionEnded, message: expect.stringContaining("180 days") });
  // Nodes that were registered with it keep working, because nobody signed out.
  expect(await world.sessions.isLive(used.identity.sessionId)).toBe(true);
});

test("the server decides how long a session lasts", async () => {
  await using world = await AuthWorld.open();
  const tokens = await Tokens.open(world.sessions, world.now, { idleMs: DAY_MS, maxMs: 10 * DAY_MS });
  const { refreshToken } = await tokens.issue(await world.signIn());
  world.aheadMs = 1.1 * DAY_MS;
  const late = tokens.refresh(refreshToken, world.endSession);
  await expect(late).rejects.toMatchObject({ message: expect.stringContaining("1 day ago") });
});

test("a wait ticket covers one job, outlives the access token, and ends with its session or after a day", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const { accessToken, identity } = await tokens.issue(await world.signIn());
  const jobId = newId("job");
  const { token } = await tokens.issueTicket(identity, jobId);
  expect(await tokens.verify(token)).toMatchObject({ ...identity, ticketOf: jobId });
  expect((await tokens.verify(accessToken)).ticketOf).toBeUndefined();
  world.aheadMs = 23 * HOUR_MS;
  expect(await tokens.verify(token)).toMatchObject({ ticketOf: jobId });
  const next = await tokens.issueTicket(await tokens.verify(token), jobId);
  world.aheadMs = 25 * HOUR_MS;
  await expect(tokens.verify(token)).rejects.toMatchObject({ code: "token_expired" });
  expect(await tokens.verify(next.token)).toMatchObject({ ticketOf: jobId });
  await world.endSession(identity.sessionId);
  await expect(tokens.verify(next.token)).rejects.toMatchObject(sessionEnded);
});

test("a token is valid only in its exact spelling, and only for a session of the user it names", async () => {
  await using world = await AuthWorld.open();
  const tokens = await world.tokens();
  const [anna, ben] = [await world.signIn("anna"), await world.signIn("ben")];
  const { accessToken } = await tokens.issue(anna);
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // Two bits of a signature's last digit carry no meaning.
  const next = digits[digits.indexOf(accessToken.at(-1) ?? "") + 1];
  for (const other of [
    `${accessToken}=`,
    `${accessToken.slice(0, -1)}${next}`,
    accessToken.replace(".", "=."),
  ]) {
    await expect(tokens.verify(other)).rejects.toMatchObject(unauthenticated);
  }
  const claims = JSON.parse(atobUrl(accessToken.split(".")[1] ?? ""));
  const { kid, privateKey } = await tokens.keys.current();
  const mixed = await new SignJWT({ ...claims, sid: ben.sessionId })
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid })
    .sign(privateKey);
  await expect(tokens.verify(mixed)).rejects.toMatchObject(unauthenticated);
});
