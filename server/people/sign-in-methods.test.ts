import { expect, test } from "bun:test";
import type { AuditEvent } from "../../shared/audit.ts";
import { newId } from "../../shared/ids.ts";
import { TestMail } from "../../tests/support/mail.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { Mailer } from "../mail/mailer.ts";
import { Throttle } from "../throttle/throttle.ts";
import { Codes } from "./codes.ts";
import { Passkeys } from "./passkeys.ts";
import { Passwords } from "./passwords.ts";
import { PeopleSignIn } from "./sign-in-methods.ts";

const PASSWORD = "a quiet green morning";
const from = (address: string) => ({ address, agent: undefined });
const here = from("10.0.0.1");

async function openWorld() {
  const stores = openSqliteStores(":memory:");
  const { people, oneTime } = stores;
  const world = { nowMs: 1_000_000 };
  const now = () => world.nowMs;
  const log = { info() {}, warn() {}, error() {}, debug() {} } as never;
  const mail = await TestMail.start();
  const { TANVRIT_SMTP_URL: smtpUrl = "", TANVRIT_MAIL_FROM: sender = "" } = mail.env;
  const mailer = await Mailer.open({ smtpUrl, from: sender }, log);
  const passwords = await Passwords.open();
  const events: { businessId: string | undefined; event: AuditEvent }[] = [];
  const key = new Uint8Array(32);
  const methods = new PeopleSignIn({
    people,
    passwords,
    codes: new Codes({ oneTime, mailer, key, serverName: () => "http://server", now }),
    passkeys: new Passkeys({ passkeys: stores.passkeys, oneTime, now }),
    mailer,
    throttle: new Throttle(stores.throttle, now),
    record: async (businessId, event) => void events.push({ businessId, event }),
  });
  const userId = newId("usr");
  const passwordHash = await passwords.hash(PASSWORD);
  await people.create({ userId, userName: "anna", email: "anna@example.com", passwordHash, nowMs: 0 });
  const { businessId } = await people.business("shop", 0);
  await people.join(businessId, userId, "owner", 0);
  const close = async () => {
    await mailer.close();
    await mail[Symbol.asyncDispose]();
    await stores.close();
  };
  return { world, methods, mail, events, people, userId, businessId, [Symbol.asyncDispose]: close };
}

const problemOf = (signIn: Promise<unknown>) =>
  signIn.then(
    () => "signed in",
    ({ code, message, retryAfterSeconds }) => ({ code, message, retryAfterSeconds }),
  );

test("the right password signs a person in, whatever the case of the address", async () => {
  await using world = await openWorld();
  const person = await world.methods.byPassword(" Anna@Example.COM ", PASSWORD, here);
  expect(person.userId).toBe(world.userId);
});

test("a wrong password, an unknown person and a person without a password get the same answer", async () => {
  await using world = await openWorld();
  const noPassword = { userId: newId("usr"), userName: "ben", email: "ben@example.com" };
  await world.people.create({ ...noPassword, passwordHash: undefined, nowMs: 0 });
  const answers = [
    await problemOf(world.methods.byPassword("anna@example.com", "wrong", here)),
    await problemOf(world.methods.byPassword("nobody@example.com", "wrong", here)),
    await problemOf(world.methods.byPassword("ben@example.com", "wrong", here)),
    await problemOf(world.methods.byPassword("no address", "wrong", here)),
  ];
  for (const answer of answers) expect(answer).toEqual(answers[0] as never);
  expect(answers[0]).toMatchObject({ code: "unauthenticated" });
});

test("after five wrong passwords the right one waits too, for known and unknown people alike, and works after the wait", async () => {
  await using world = await openWorld();
  for (const email of ["anna@example.com", "nobody@example.com"]) {
    for (let i = 0; i < 5; i++) {
      await problemOf(world.methods.byPassword(email, "wrong", from(`10.1.0.${i}`)));
    }
    const waits = await problemOf(world.methods.byPassword(email, PASSWORD, from("10.2.0.1")));
    expect(waits).toEqual({
      code: "rate_limited",
      message: "There were too many tries. Try again in 2 s.",
      retryAfterSeconds: 2,
    });
  }
  world.world.nowMs += 2_000;
  const person = await world.methods.byPassword("anna@example.com", PASSWORD, from("10.2.0.1"));
  expect(person.userId).toBe(world.userId);
});

test("known and unknown people wait about as long for their answer", async () => {
  await using world = await openWorld();
  // The shortest of several in turn: a busy machine makes single ones longer.
  const shortestMs = { "anna@example.com": Infinity, "nobody@example.com": Infinity };
  const emails = Object.keys(shortestMs) as (keyof typeof shortestMs)[];
  for (let i = 0; i < 5; i++) {
    for (const email of emails) {
      const begunMs = performance.now();
      await problemOf(world.methods.byPassword(email, "wrong", from(`10.3.${email.length}.${i}`)));
      shortestMs[email] = Math.min(shortestMs[email], performance.now() - begunMs);
    }
  }
  const [known = 0, unknown = 0] = Object.values(shortestMs);
  expect(Math.abs(known - unknown)).toBeLessThan(Math.max(known, unknown) / 2);
});

test("a refused sign-in is in the audit log of the person's business, and one as nobody in the server's", async () => {
  await using world = await openWorld();
  await problemOf(world.methods.byPassword("anna@example.com", "wrong", here));
  await problemOf(world.methods.byPassword("nobody@example.com", "wrong", here));
  const of = (email: string) => ({
    event: "sign-in refused",
    actor: { kind: "anyone" as const },
    from: "10.0.0.1",
    of: { way: "password", email },
  });
  expect(world.events).toEqual([
    { businessId: world.businessId, event: of("anna@example.com") },
    { businessId: undefined, event: of("nobody@example.com") },
  ]);
});

test("a code from a mail signs in once, and the mail says where it was asked for", async () => {
  await using world = await openWorld();
  await world.methods.requestCode("anna@example.com", here);
  const mail = await world.mail.next("anna@example.com");
  expect(mail.from).toBe("compute@example.org");
  expect(mail.text).toContain("sign in at http://server is");
  expect(mail.text).toContain("10.0.0.1");
  const code = /^ +(\d{6})/m.exec(mail.text)?.[1] ?? "";
  const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
  expect((await world.methods.byCode("anna@example.com", spaced, here)).userId).toBe(world.userId);
  const again = await problemOf(world.methods.byCode("anna@example.com", code, here));
  expect(again).toMatchObject({ code: "unauthenticated" });
});

test("a code works at most once, however many use it at the same time", async () => {
  await using world = await openWorld();
  await world.methods.requestCode("anna@example.com", here);
  const code = await world.mail.nextCode("anna@example.com");
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => problemOf(world.methods.byCode("anna@example.com", code, here))),
  );
  expect(answers.filter((answer) => answer === "signed in")).toHaveLength(1);
});

test("a code ends after ten minutes, after five tries, and when a newer one was asked for", async () => {
  await using world = await openWorld();
  const ask = async () => {
    await world.methods.requestCode("anna@example.com", here);
    return world.mail.nextCode("anna@example.com");
  };
  const use = (code: string) => problemOf(world.methods.byCode("anna@example.com", code, here));
  const refused = { code: "unauthenticated" };

  const late = await ask();
  world.world.nowMs += 10 * 60_000;
  expect(await use(late)).toMatchObject(refused);

  const replaced = await ask();
  const newer = await ask();
  if (replaced !== newer) expect(await use(replaced)).toMatchObject(refused);
  expect(await use(newer)).toBe("signed in");

  world.world.nowMs += 90 * 60_000;
  const guessedAt = await ask();
  for (let i = 0; i < 5; i++) expect(await use(i === 0 ? "wrong!" : `wrong${i}`)).toMatchObject(refused);
  world.world.nowMs += 60_000;
  expect(await use(guessedAt)).toMatchObject(refused);
});

test("somebody who asks for many codes has to wait, and nobody gets a mail that they did not ask for", async () => {
  await using world = await openWorld();
  for (let i = 0; i < 5; i++) await world.methods.requestCode("anna@example.com", from(`10.4.0.${i}`));
  const more = await problemOf(world.methods.requestCode("anna@example.com", from("10.4.1.1")));
  expect(more).toMatchObject({ code: "rate_limited", retryAfterSeconds: 2 });
  for (let i = 0; i < 5; i++) await world.mail.next("anna@example.com");
  await world.methods.requestCode("nobody@example.com", here);
  await world.methods.requestCode("anna@example.com", from("10.0.0.9")).catch(() => undefined);
  expect(world.mail.received.filter((mail) => mail.to === "nobody@example.com")).toEqual([]);
});

test("a stranger who asks for many codes, or tries many, keeps nobody out at an address from which they signed in", async () => {
  await using world = await openWorld();
  const { methods } = world;
  const email = "anna@example.com";
  await methods.byPassword(email, PASSWORD, here);
  const stranger = from("10.0.0.2");
  for (let i = 0; i < 8; i++) {
    await problemOf(methods.requestCode(email, stranger));
    await problemOf(methods.byCode(email, "000000", stranger));
  }
  expect(await problemOf(methods.requestCode(email, stranger))).toMatchObject({ code: "rate_limited" });
  await methods.requestCode(email, here);
  expect(await problemOf(methods.byCode(email, "000000", here))).toMatchObject({ code: "unauthenticated" });
});

test("a passkey that nobody has, or for a challenge that nobody made, is not accepted", async () => {
  await using world = await openWorld();
  const origin = "https://compute.example.org";
  const { challengeId } = await world.methods.passkeyChallenge(origin);
  const response = { id: "unknown", rawId: "unknown", type: "public-key", response: {} };
  for (const id of [challengeId, challengeId, "other"]) {
    const answer = await problemOf(world.methods.byPasskey(id, response, origin, here));
    expect(answer).toMatchObject({ code: "unauthenticated" });
  }
  const byAddress = await problemOf(world.methods.passkeyChallenge("http://127.0.0.1:7070"));
  expect(byAddress).toMatchObject({ code: "invalid_request" });
});
