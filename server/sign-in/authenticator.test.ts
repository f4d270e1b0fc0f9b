import { expect, test } from "bun:test";
import { endpoints } from "../../shared/endpoints/index.ts";
import { AuthWorld } from "../../tests/support/auth-world.ts";

const forUsers = endpoints["jobs.list"];
const forNodes = endpoints["nodes.poll"];
const forBoth = endpoints["nodes.drain"];
const reports = endpoints["nodes.result"];

test("an access token identifies a user, a node key identifies a node, and an open endpoint needs neither", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  const session = await world.signIn();
  const { accessToken, identity } = await (await world.tokens()).issue(session);
  const { node, key } = await world.addNode(session);
  const user = { kind: "user", ...identity };
  const asNode = {
    kind: "node",
    nodeId: node.nodeId,
    businessId: session.businessId,
    sessionEnded: false,
    keyHash: node.keyHash,
    runId: undefined,
    lastHeardAtMs: node.lastHeartbeatAtMs,
    condition: { suspended: false },
  };
  expect(await authenticator.authenticate(bearer(accessToken), forUsers)).toMatchObject(user);
  expect(await authenticator.authenticate(apiKey(key), forNodes)).toEqual(asNode as never);
  expect(await authenticator.authenticate(bearer(accessToken), forBoth)).toMatchObject(user);
  expect(await authenticator.authenticate(apiKey(key), forBoth)).toEqual(asNode as never);
  const anyone = await authenticator.authenticate(bearer("nonsense"), endpoints["auth.refresh"]);
  expect(anyone).toEqual({ kind: "anyone" });
});

test("a user cannot call an endpoint for nodes, nor a node an endpoint for users", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  const session = await world.signIn();
  const { accessToken } = await (await world.tokens()).issue(session);
  const { key } = await world.addNode(session);
  const forbidden = { code: "forbidden" };
  await expect(authenticator.authenticate(bearer(accessToken), forNodes)).rejects.toMatchObject(forbidden);
  await expect(authenticator.authenticate(apiKey(key), forUsers)).rejects.toMatchObject(forbidden);
});

test("an API key of which a part is missing is called an API key", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  await expect(authenticator.authenticate(apiKey("tnv_4kq0x7mz_part"), forBoth)).rejects.toMatchObject({
    code: "unauthenticated",
    message: expect.stringContaining("API key"),
  });
});

test("missing and unknown credentials, and those of a node that does not exist, are unauthenticated", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  const { key } = await world.addNode(await world.signIn());
  const secret = key.slice(key.lastIndexOf("_"));
  const bad = [
    new Headers(),
    new Headers({ authorization: "Basic YTpi" }),
    new Headers({ authorization: "Bearer" }),
    bearer("nonsense"),
    apiKey("tnv_something"),
    apiKey(`tnvn_${"0".repeat(26)}${secret}`),
    apiKey(`${key.slice(0, -43)}${"A".repeat(43)}`),
  ];
  for (const headers of bad) {
    await expect(authenticator.authenticate(headers, forBoth)).rejects.toMatchObject({
      code: "unauthenticated",
    });
  }
});

test("after a sign-out a node may only report what it still runs", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  const session = await world.signIn();
  const { key } = await world.addNode(session);
  await authenticator.authenticate(apiKey(key), forNodes);
  await world.sessions.revoke(session.sessionId, world.now());
  await expect(authenticator.authenticate(apiKey(key), forNodes)).rejects.toMatchObject({
    code: "session_ended",
  });
  expect(await authenticator.authenticate(apiKey(key), reports)).toMatchObject({
    kind: "node",
    sessionEnded: true,
  });
});

test("a rotated node key is rejected on its very next call", async () => {
  await using world = await AuthWorld.open();
  const authenticator = await world.authenticator();
  const { node, key } = await world.addNode(await world.signIn());
  await authenticator.authenticate(apiKey(key), forNodes);
  const next = await world.keys.issue(node.nodeId);
  await world.nodes.update(node.businessId, node.nodeId, { keyHash: next.hash });
  await expect(authenticator.authenticate(apiKey(key), forNodes)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  await authenticator.authenticate(apiKey(next.key), forNodes);
});

function bearer(accessToken: string): Headers {
  return new Headers({ authorization: `Bearer ${accessToken}` });
}

function apiKey(key: string): Headers {
  return new Headers({ "x-api-key": key });
}
