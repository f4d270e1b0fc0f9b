import { expect, test } from "bun:test";
import { AuthWorld } from "../../tests/support/auth-world.ts";
import { SigningKeys } from "./signing-keys.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

test("after thirty days another key signs, and every server knew it before", async () => {
  await using world = await AuthWorld.open();
  const keys = new SigningKeys(world.sessions, world.now);
  const published = (await keys.all()).map(({ kid }) => kid);
  const first = await keys.current();
  expect(published).toHaveLength(3);
  expect(published[0]).toBe(first.kid);
  world.aheadMs = 30 * DAY_MS;
  const second = await keys.current();
  expect(second.kid).not.toBe(first.kid);
  expect(published).toContain(second.kid);
  expect(await new SigningKeys(world.sessions, world.now).current()).toMatchObject({ jwk: second.jwk });
});

test("a key verifies until the period after its own ends", async () => {
  await using world = await AuthWorld.open();
  const keys = new SigningKeys(world.sessions, world.now);
  const { kid } = await keys.current();
  world.aheadMs = 30 * DAY_MS;
  expect(await keys.find(kid)).toMatchObject({ kid });
  world.aheadMs = 60 * DAY_MS;
  expect(await keys.find(kid)).toBeUndefined();
});

test("what is published has no private half", async () => {
  await using world = await AuthWorld.open();
  for (const { jwk, publicKey } of await new SigningKeys(world.sessions, world.now).all()) {
    expect(Object.keys(jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    expect(publicKey.type).toBe("public");
  }
});

test("tokens stay valid while the key that signs changes", async () => {
  await using world = await AuthWorld.open();
  const [here, there] = [await world.tokens(), await world.tokens()];
  const session = await world.signIn();
  for (let days = 0; days <= 60; days += 30) {
    world.aheadMs = days * DAY_MS;
    const { accessToken } = await here.issue(session);
    world.aheadMs += 14 * MINUTE_MS;
    expect(await there.verify(accessToken)).toMatchObject({ sessionId: session.sessionId });
  }
});

test("if the store fails once, the next request gets the key", async () => {
  await using world = await AuthWorld.open();
  let isDown = true;
  const secret = async (name: string) => {
    if (isDown) throw new Error("down");
    return world.sessions.secret(name);
  };
  const keys = new SigningKeys({ secret }, world.now);
  await expect(keys.current()).rejects.toThrow("down");
  isDown = false;
  expect(await keys.current()).toMatchObject({ kid: expect.any(String) });
});
