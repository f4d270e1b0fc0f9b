import { expect, test } from "bun:test";
import type { Identity, Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { MemberService } from "./member-service.ts";

const stores = openSqliteStores(":memory:");
forAllTests({ [Symbol.asyncDispose]: () => stores.close() });
const NOW_MS = 1_000_000;
const WEEK_MS = 7 * 86_400_000;
const ORIGIN = "https://compute.example.org";
let nowMs = NOW_MS;
const mails: { to: string; subject: string; text: string }[] = [];
const ended: string[] = [];
const parts = {
  ...stores,
  now: () => nowMs,
  onSessionRevoked: async (sessionId: string) => void ended.push(sessionId),
  onJoined: () => undefined,
};
const service = new MemberService(parts);

test("an invitation is valid once, and only for a week", async () => {
  const { olga } = await team("once", { olga: "owner" });
  const token = await tokenFor(olga, "member");
  expect(await service.find(token)).toEqual({
    businessName: "once",
    role: "member",
    email: undefined,
    invitedBy: "once-olga",
  });
  const [first, second] = [await person(), await person()];
  expect(await service.accept(token, first)).toBe(true);
  expect(await service.accept(token, second)).toBe(false);
  const members = await stores.people.members(olga.businessId, undefined, 10);
  expect(members.map(({ userId }) => userId).sort()).toEqual([olga.userId, first].sort());
  const late = await tokenFor(olga, "member");
  nowMs = NOW_MS + WEEK_MS;
  expect(await service.find(late)).toBeUndefined();
  expect(await service.accept(late, second)).toBe(false);
  nowMs = NOW_MS;
});

test("the invitations of somebody who may no longer invite are not valid", async () => {
  const { olga, ada, otto } = await team("former", { olga: "owner", ada: "admin", otto: "owner" });
  const [byAdmin, byOwner] = [await tokenFor(ada, "member"), await tokenFor(otto, "owner")];
  await service.changeRole(olga, ada.userId, "member");
  await service.changeRole(olga, otto.userId, "admin");
  for (const token of [byAdmin, byOwner]) {
    expect(await service.find(token)).toBeUndefined();
    expect(await service.accept(token, await person())).toBe(false);
  }
  await service.remove(olga, ada.userId);
  expect(await service.find(byAdmin)).toBeUndefined();
});

test("an admin neither makes owners nor changes or removes them", async () => {
  const { olga, ada, mia } = await team("limits", { olga: "owner", ada: "admin", mia: "member" });
  const forbidden = { code: "forbidden", message: expect.stringContaining("Ask an owner of limits") };
  await expect(service.invite(ada, { role: "owner" }, ORIGIN)).rejects.toMatchObject(forbidden);
  await expect(service.changeRole(ada, mia.userId, "owner")).rejects.toMatchObject(forbidden);
  await expect(service.changeRole(ada, olga.userId, "viewer")).rejects.toMatchObject(forbidden);
  await expect(service.remove(ada, olga.userId)).rejects.toMatchObject(forbidden);
  await service.changeRole(ada, mia.userId, "admin");
  await service.changeRole(olga, ada.userId, "owner");
  // Now there are two owners, so one may go.
  await service.changeRole(olga, olga.userId, "viewer");
  const last = { code: "conflict", message: expect.stringContaining("is the last owner of limits") };
  await expect(service.remove({ ...ada, role: "owner" }, ada.userId)).rejects.toMatchObject(last);
});

test("somebody is found by name, email address or id, and only in the own business", async () => {
  const { olga } = await team("finds", { olga: "owner" });
  const { ben } = await team("elsewhere", { ben: "owner" });
  await stores.people.setEmail(olga.userId, "olga@example.org");
  for (const user of ["finds-olga", "Olga@Example.org", olga.userId]) {
    expect(await service.member(olga, user)).toMatchObject({ userId: olga.userId });
  }
  for (const user of ["elsewhere-ben", ben.userId, "nobody"]) {
    const unknown = { code: "not_found", message: `Nobody called ${user} belongs to finds.` };
    await expect(service.member(olga, user)).rejects.toMatchObject(unknown);
  }
});

test("all sessions of a removed person in the business end, and no others", async () => {
  const { olga, mia } = await team("ends", { olga: "owner", mia: "member" });
  const session = (businessName: string) => ({
    sessionId: newId("ses"),
    userName: mia.userName,
    businessName,
    role: "member" as const,
    nowMs,
  });
  const second = await stores.sessions.create(session("ends"));
  const elsewhere = await stores.sessions.create(session("another"));
  ended.length = 0;
  await service.remove(olga, mia.userId);
  expect(ended.toSorted()).toEqual([mia.sessionId, second.sessionId].sort());
  expect(await stores.sessions.isLive(second.sessionId)).toBe(false);
  expect(await stores.sessions.isLive(elsewhere.sessionId)).toBe(true);
});

test("an invitation is mailed if the server has mail and somebody gave an address", async () => {
  const { olga } = await team("mailed", { olga: "owner" });
  const withMail = new MemberService({
    ...parts,
    mailer: { requireRoom: () => undefined, post: (mail) => void mails.push(mail) },
  });
  expect((await service.invite(olga, { role: "viewer", email: "a@example.org" }, ORIGIN)).mailed).toBe(false);
  expect((await withMail.invite(olga, { role: "viewer" }, ORIGIN)).mailed).toBe(false);
  expect(mails).toEqual([]);
  const { url, mailed } = await withMail.invite(olga, { role: "viewer", email: "ben@example.org" }, ORIGIN);
  expect(mailed).toBe(true);
  expect(url).toMatch(/^https:\/\/compute\.example\.org\/invitation\/[\w-]{43}$/);
  expect(mails).toEqual([
    {
      to: "ben@example.org",
      subject: "mailed-olga invites you to mailed",
      text: expect.stringContaining(url),
    },
  ]);
});

async function team<Name extends string>(businessName: string, roles: Record<Name, Role>) {
  const members: Partial<Record<Name, Identity>> = {};
  for (const [name, role] of Object.entries<Role>(roles)) {
    const userName = `${businessName}-${name}`;
    members[name as Name] = await stores.sessions.create({
      sessionId: newId("ses"),
      userName,
      businessName,
      role,
      nowMs,
    });
  }
  return members as Record<Name, Identity>;
}

async function tokenFor(by: Identity, role: Role): Promise<string> {
  const { url } = await service.invite(by, { role }, ORIGIN);
  return url.slice(url.lastIndexOf("/") + 1);
}

async function person(): Promise<string> {
  const userId = newId("usr");
  const userName = `p-${userId}`;
  await stores.people.create({ userId, userName, email: undefined, passwordHash: undefined, nowMs });
  return userId;
}
