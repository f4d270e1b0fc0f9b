import { afterAll, expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { PlayedAuthenticator } from "../../tests/support/authenticator.ts";
import type { PersonRecord } from "../auth/person-store.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { Passkeys } from "./passkeys.ts";

const ORIGIN = "https://compute.example.org";
const stores = openSqliteStores(":memory:");
const clock = { nowMs: 1_000_000 };
const passkeys = new Passkeys({ passkeys: stores.passkeys, oneTime: stores.oneTime, now: () => clock.nowMs });

afterAll(() => stores.close());

function newPerson(): PersonRecord {
  return { userId: newId("usr"), userName: "anna", email: "anna@example.com", createdAtMs: 0 };
}

async function register(person: PersonRecord, device = new PlayedAuthenticator()) {
  const { challengeId, options } = await passkeys.registration(person, ORIGIN);
  const response = device.register(options, ORIGIN);
  const passkey = await passkeys.add(person.userId, {
    challengeId,
    response,
    origin: ORIGIN,
    name: " Laptop ",
  });
  return { device, passkey, challengeId, response };
}

async function signIn(device: PlayedAuthenticator, origin = ORIGIN) {
  const { challengeId, options } = await passkeys.challenge(ORIGIN);
  return passkeys.check({ challengeId, response: device.answer(options, origin), origin });
}

test("a passkey signs in the person who added it, again and again", async () => {
  const person = newPerson();
  const { device, passkey } = await register(person);
  expect(passkey).toMatchObject({ userId: person.userId, rpId: "compute.example.org", name: "Laptop" });
  for (let i = 0; i < 2; i++) expect((await signIn(device))?.userId).toBe(person.userId);
  expect((await stores.passkeys.find(passkey.passkeyId))?.lastUsedAtMs).toBe(clock.nowMs);
});

test("a challenge is answered once, within five minutes, and only by the origin that asked for it", async () => {
  const { device } = await register(newPerson());
  const first = await passkeys.challenge(ORIGIN);
  const answer = {
    challengeId: first.challengeId,
    response: device.answer(first.options, ORIGIN),
    origin: ORIGIN,
  };
  expect(await passkeys.check(answer)).toBeDefined();
  expect(await passkeys.check(answer)).toBeUndefined();
  const late = await passkeys.challenge(ORIGIN);
  clock.nowMs += 5 * 60_000;
  const response = device.answer(late.options, ORIGIN);
  expect(await passkeys.check({ challengeId: late.challengeId, response, origin: ORIGIN })).toBeUndefined();
  expect(await signIn(device, "https://evil.example.org")).toBeUndefined();
});

test("an answer without the check of the person, of another key, or for another person is not accepted", async () => {
  const { device } = await register(newPerson());
  device.isVerifying = false;
  expect(await signIn(device)).toBeUndefined();
  device.isVerifying = true;
  expect(await signIn(device)).toBeDefined();
  expect(await signIn(new PlayedAuthenticator())).toBeUndefined();
  const { challengeId, options } = await passkeys.challenge(ORIGIN);
  const response = device.answer(options, ORIGIN);
  response.response = {
    ...response.response,
    userHandle: Buffer.from(newId("usr")).toString("base64url"),
  } as never;
  expect(await passkeys.check({ challengeId, response, origin: ORIGIN })).toBeUndefined();
});

test("a copy of an authenticator that counts is noticed by its count", async () => {
  const { device } = await register(newPerson());
  device.counter = 5;
  expect(await signIn(device)).toBeDefined();
  expect(await signIn(device)).toBeUndefined();
  device.counter = 6;
  expect(await signIn(device)).toBeDefined();
});

test("a passkey is added only for the person who asked, once, and by its own origin", async () => {
  const [anna, ben] = [newPerson(), newPerson()];
  const device = new PlayedAuthenticator();
  const asked = await passkeys.registration(anna, ORIGIN);
  const response = device.register(asked.options, ORIGIN);
  const passkey = { challengeId: asked.challengeId, response, origin: ORIGIN, name: "" };
  const refused = { code: "invalid_request" };
  await expect(passkeys.add(ben.userId, passkey)).rejects.toMatchObject(refused);
  await expect(passkeys.add(anna.userId, passkey)).rejects.toMatchObject(refused);
  const { device: own, passkey: added } = await register(anna);
  expect(added.userId).toBe(anna.userId);
  await expect(register(ben, own)).rejects.toMatchObject({ code: "conflict" });
  const signInChallenge = await passkeys.challenge(ORIGIN);
  const other = new PlayedAuthenticator().register(asked.options, ORIGIN);
  const wrongKind = { ...passkey, challengeId: signInChallenge.challengeId, response: other };
  await expect(passkeys.add(anna.userId, wrongKind)).rejects.toMatchObject(refused);
});

test("a person has twenty passkeys at most", async () => {
  const person = newPerson();
  for (let i = 0; i < 20; i++) await register(person);
  await expect(register(person)).rejects.toMatchObject({ code: "conflict" });
});
