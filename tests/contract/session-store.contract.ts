import { describe, expect, test } from "bun:test";
import type { NewSession, SessionStore } from "../../server/auth/session-store.ts";
import { newId } from "../../shared/ids.ts";

/** What every session store promises. `open` gives an empty store, which is closed after each test. */
export function sessionStoreContract(
  name: string,
  open: () => Promise<{ store: SessionStore } & AsyncDisposable>,
) {
  describe(`${name} keeps sessions`, () => {
    test("a session comes back with its user and its business", async () => {
      await using opened = await open();
      const asked = newSession({ userName: "anna", businessName: "shop", role: "admin", nowMs: 1_000 });
      const made = await opened.store.create(asked);
      expect(made).toEqual({
        sessionId: asked.sessionId,
        userName: "anna",
        userId: expect.stringMatching(/^usr_/),
        businessName: "shop",
        businessId: expect.stringMatching(/^biz_/),
        role: "admin",
        generation: 1,
        rotatedAtMs: 1_000,
        createdAtMs: 1_000,
        revokedAtMs: undefined,
        clientId: undefined,
      });
      expect(await opened.store.find(asked.sessionId)).toEqual(made);
      expect(await opened.store.find(newId("ses"))).toBeUndefined();
    });

    test("a member opens a session for a client, and somebody else gets none", async () => {
      await using opened = await open();
      const anna = await opened.store.create(newSession({ userName: "anna", role: "viewer" }));
      const ben = await opened.store.create(newSession({ userName: "ben", businessName: "lab" }));
      const { userId, businessId } = anna;
      const asked = { sessionId: newId("ses"), userId, businessId, clientId: "portal", nowMs: 3_000 };
      const { sessionId } = asked;
      const times = { generation: 1, rotatedAtMs: 3_000, createdAtMs: 3_000 };
      expect(await opened.store.open(asked)).toEqual({ ...anna, ...times, sessionId, clientId: "portal" });
      expect(await opened.store.find(sessionId)).toMatchObject({ clientId: "portal", role: "viewer" });
      expect(await opened.store.isLive(sessionId)).toBe(true);
      await expect(opened.store.open(asked)).rejects.toThrow();
      const foreign = { ...asked, sessionId: newId("ses"), userId: ben.userId };
      expect(await opened.store.open(foreign)).toBeUndefined();
      expect(await opened.store.isLive(foreign.sessionId)).toBe(false);
    });

    test("a name stays one user and one business, however many sign in at the same time", async () => {
      await using opened = await open();
      const names = ["anna", "ben"].flatMap((userName) =>
        ["shop", "lab"].map((businessName) => ({ userName, businessName })),
      );
      const made = await Promise.all(
        Array.from({ length: 40 }, (_, i) => opened.store.create(newSession(names[i % names.length]))),
      );
      expect(new Set(made.map((one) => one.sessionId)).size).toBe(40);
      expect(new Set(made.map((one) => `${one.userName} ${one.userId}`)).size).toBe(2);
      expect(new Set(made.map((one) => `${one.businessName} ${one.businessId}`)).size).toBe(2);
    });

    test("a user keeps their role in a business", async () => {
      await using opened = await open();
      await opened.store.create(newSession({ role: "member" }));
      expect((await opened.store.create(newSession({ role: "owner" }))).role).toBe("member");
      expect((await opened.store.create(newSession({ role: "owner", businessName: "lab" }))).role).toBe(
        "owner",
      );
    });

    test("of many concurrent rotations of one generation exactly one succeeds", async () => {
      await using opened = await open();
      const { sessionId } = await opened.store.create(newSession());
      const rotated = await Promise.all(
        Array.from({ length: 50 }, () => opened.store.rotate(sessionId, 1, 5_000)),
      );
      expect(rotated.filter(Boolean)).toHaveLength(1);
      expect(await opened.store.find(sessionId)).toMatchObject({ generation: 2, rotatedAtMs: 5_000 });
      expect(await opened.store.isLive(sessionId)).toBe(true);
      expect(await opened.store.rotate(sessionId, 2, 6_000)).toBe(true);
      expect(await opened.store.rotate(newId("ses"), 1, 6_000)).toBe(false);
    });

    test("a session that was created or rotated before the given time does not rotate", async () => {
      await using opened = await open();
      const { sessionId } = await opened.store.create(newSession({ nowMs: 1_000 }));
      const rotate = (generation: number, rotatedAtMs: number, createdAtMs: number) =>
        opened.store.rotate(sessionId, generation, 5_000, { rotatedAtMs, createdAtMs });
      expect(await rotate(1, 1_001, 0)).toBe(false);
      expect(await rotate(1, 0, 1_001)).toBe(false);
      expect(await rotate(1, 1_000, 1_000)).toBe(true);
      expect(await rotate(2, 5_000, 1_000)).toBe(true);
      expect(await rotate(3, 5_001, 1_000)).toBe(false);
    });

    test("a revoked session keeps its first revocation time, and does not rotate", async () => {
      await using opened = await open();
      const { sessionId } = await opened.store.create(newSession());
      await opened.store.revoke(sessionId, 7_000);
      await opened.store.revoke(sessionId, 8_000);
      await opened.store.revoke(newId("ses"), 8_000);
      expect(await opened.store.rotate(sessionId, 1, 9_000)).toBe(false);
      expect(await opened.store.find(sessionId)).toMatchObject({ generation: 1, revokedAtMs: 7_000 });
      expect(await opened.store.isLive(sessionId)).toBe(false);
      expect(await opened.store.isLive(newId("ses"))).toBe(false);
    });

    test("a live session has its person's role, in that business and for that person only", async () => {
      await using opened = await open();
      const session = await opened.store.create(newSession({ role: "admin" }));
      const other = await opened.store.create(newSession({ userName: "ben", businessName: "lab" }));
      expect(await opened.store.liveRole(session)).toBe("admin");
      const { businessId, userId } = other;
      expect(await opened.store.liveRole({ ...session, businessId, userId })).toBeUndefined();
      expect(await opened.store.liveRole({ ...session, userId })).toBeUndefined();
      expect(await opened.store.liveRole({ ...session, sessionId: newId("ses") })).toBeUndefined();
      await opened.store.revoke(session.sessionId, 7_000);
      expect(await opened.store.liveRole(session)).toBeUndefined();
    });

    test("a member of a business is found by name or id, and nobody else is", async () => {
      await using opened = await open();
      const anna = await opened.store.create(newSession({ userName: "anna", role: "admin" }));
      const ben = await opened.store.create(newSession({ userName: "ben", businessName: "lab" }));
      const found = { userId: anna.userId, userName: "anna", role: "admin" as const };
      expect(await opened.store.findMember(anna.businessId, "anna")).toEqual(found);
      expect(await opened.store.findMember(anna.businessId, anna.userId)).toEqual(found);
      for (const other of ["ben", ben.userId, "nobody", newId("usr")]) {
        expect(await opened.store.findMember(anna.businessId, other)).toBeUndefined();
      }
    });

    test("a secret is created once, however many requests ask for it, and each name has its own", async () => {
      await using opened = await open();
      const asked = await Promise.all(Array.from({ length: 20 }, () => opened.store.secret("one")));
      expect(new Set(asked.map((secret) => Buffer.from(secret).toString("hex"))).size).toBe(1);
      expect(asked[0]).toHaveLength(32);
      expect(await opened.store.secret("two")).not.toEqual(asked[0]);
    });
  });
}

function newSession(change: Partial<NewSession> = {}): NewSession {
  return {
    sessionId: newId("ses"),
    userName: "anna",
    businessName: "shop",
    role: "owner",
    nowMs: 1_000,
    ...change,
  };
}
