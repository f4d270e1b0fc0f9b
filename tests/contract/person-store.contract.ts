import { describe, expect, test } from "bun:test";
import type { NewPerson, PersonStore } from "../../server/auth/person-store.ts";
import type { SessionStore } from "../../server/auth/session-store.ts";
import { newId } from "../../shared/ids.ts";

interface OpenedPeople {
  people: PersonStore;
  sessions: SessionStore;
  close(): Promise<void>;
}

/** What every store of people promises. `open` gives an empty store, which is closed after each test. */
export function personStoreContract(name: string, open: () => Promise<OpenedPeople>) {
  const opened = async () => {
    const stores = await open();
    return { ...stores, [Symbol.asyncDispose]: stores.close };
  };

  describe(`${name} keeps people`, () => {
    test("a person comes back by id and by email, with and without a password", async () => {
      await using stores = await opened();
      const anna = newPerson({ userName: "anna", email: "anna@example.com", passwordHash: "$hash" });
      const ben = newPerson({ userName: "ben" });
      expect(await stores.people.anyoneHasPassword()).toBe(false);
      expect(await stores.people.create(ben)).toBe("created");
      expect(await stores.people.anyoneHasPassword()).toBe(false);
      expect(await stores.people.create(anna)).toBe("created");
      expect(await stores.people.anyoneHasPassword()).toBe(true);
      const found = {
        userId: anna.userId,
        userName: "anna",
        email: "anna@example.com",
        passwordHash: "$hash",
        passwordSetAtMs: 1_000,
        createdAtMs: 1_000,
      };
      expect(await stores.people.find(anna.userId)).toEqual(found);
      expect(await stores.people.findByEmail("anna@example.com")).toEqual(found);
      const other = { userId: ben.userId, userName: "ben", createdAtMs: 1_000 };
      expect(await stores.people.find(ben.userId)).toEqual(other);
      expect(await stores.people.find(newId("usr"))).toBeUndefined();
      expect(await stores.people.findByEmail("ben@example.com")).toBeUndefined();
    });

    test("of many who want one name or one address at the same time, exactly one gets it", async () => {
      await using stores = await opened();
      const named = await Promise.all(
        Array.from({ length: 10 }, () => stores.people.create(newPerson({ userName: "anna" }))),
      );
      expect(named.filter((outcome) => outcome === "created")).toHaveLength(1);
      expect(named.filter((outcome) => outcome === "name-taken")).toHaveLength(9);
      const email = "one@example.com";
      const addressed = await Promise.all(
        Array.from({ length: 10 }, (_, i) => stores.people.create(newPerson({ userName: `p${i}`, email }))),
      );
      expect(addressed.filter((outcome) => outcome === "created")).toHaveLength(1);
      expect(addressed.filter((outcome) => outcome === "email-taken")).toHaveLength(9);
      const late = newPerson({ userName: "late" });
      await stores.people.create(late);
      expect(await stores.people.setEmail(late.userId, email)).toBe(false);
      expect((await stores.people.find(late.userId))?.email).toBeUndefined();
    });

    test("an address and a password can be changed, and one's own address set again", async () => {
      await using stores = await opened();
      const anna = newPerson({ userName: "anna", email: "old@example.com" });
      await stores.people.create(anna);
      expect(await stores.people.setEmail(anna.userId, "new@example.com")).toBe(true);
      expect(await stores.people.setEmail(anna.userId, "new@example.com")).toBe(true);
      expect(await stores.people.findByEmail("old@example.com")).toBeUndefined();
      await stores.people.setPassword(anna.userId, "$next", 5_000);
      const changed = { passwordHash: "$next", passwordSetAtMs: 5_000, createdAtMs: 1_000 };
      expect(await stores.people.findByEmail("new@example.com")).toMatchObject(changed);
    });

    test("a business is made once, however many ask for it, and is the one that sessions use", async () => {
      await using stores = await opened();
      const asked = await Promise.all(
        Array.from({ length: 10 }, () => stores.people.business("shop", 1_000)),
      );
      expect(new Set(asked.map((one) => one.businessId)).size).toBe(1);
      const session = await stores.sessions.create(newSession("anna", "shop"));
      expect(session.businessId).toBe(asked[0]?.businessId ?? "");
    });

    test("a person has a role in each of their businesses, and keeps it when they join again", async () => {
      await using stores = await opened();
      const anna = newPerson({ userName: "anna", email: "anna@example.com" });
      await stores.people.create(anna);
      const lab = await stores.people.business("lab", 1_000);
      const bar = await stores.people.business("bar", 1_000);
      expect(await stores.people.join(lab.businessId, anna.userId, "viewer", 1_000)).toBe(true);
      expect(await stores.people.join(bar.businessId, anna.userId, "owner", 1_000)).toBe(true);
      expect(await stores.people.join(lab.businessId, anna.userId, "owner", 1_000)).toBe(false);
      const person = { userId: anna.userId, userName: "anna", email: "anna@example.com" };
      const inLab = { ...lab, ...person, role: "viewer" as const };
      expect(await stores.people.memberships(anna.userId)).toEqual([
        { ...bar, ...person, role: "owner" },
        inLab,
      ]);
      expect(await stores.people.membership(lab.businessId, anna.userId)).toEqual(inLab);
      expect(await stores.people.membership(newId("biz"), anna.userId)).toBeUndefined();
      expect(await stores.people.memberships(newId("usr"))).toEqual([]);
    });

    test("the members of a business come in pages, and nobody of another business does", async () => {
      await using stores = await opened();
      const lab = await stores.people.business("lab", 1_000);
      const other = await stores.people.business("other", 1_000);
      const people = ["anna", "ben", "cleo"].map((userName) => newPerson({ userName }));
      for (const person of people) {
        await stores.people.create(person);
        await stores.people.join(lab.businessId, person.userId, "member", 1_000);
      }
      const dora = newPerson({ userName: "dora" });
      await stores.people.create(dora);
      await stores.people.join(other.businessId, dora.userId, "member", 1_000);
      const first = await stores.people.members(lab.businessId, undefined, 2);
      const second = await stores.people.members(lab.businessId, first[1]?.userId, 2);
      expect([...first, ...second].map((one) => one.userName)).toEqual(["anna", "ben", "cleo"]);
    });

    test("a changed role is in the sessions of that business at once, and in no other", async () => {
      await using stores = await opened();
      const inShop = await stores.sessions.create(newSession("anna", "shop"));
      const inLab = await stores.sessions.create(newSession("anna", "lab"));
      await stores.sessions.create(newSession("ben", "shop"));
      const { businessId, userId } = inShop;
      expect(await stores.people.changeRole(businessId, userId, "viewer")).toBe("changed");
      expect((await stores.sessions.find(inShop.sessionId))?.role).toBe("viewer");
      expect((await stores.sessions.find(inLab.sessionId))?.role).toBe("owner");
      expect(await stores.people.changeRole(businessId, newId("usr"), "viewer")).toBe("missing");
    });

    test("a member who leaves loses every session of that business, and no other", async () => {
      await using stores = await opened();
      const inShop = await stores.sessions.create(newSession("anna", "shop"));
      const inLab = await stores.sessions.create(newSession("anna", "lab"));
      const ben = await stores.sessions.create(newSession("ben", "shop"));
      const { businessId, userId } = inShop;
      expect(await stores.people.leave(businessId, userId, 9_000)).toBe("changed");
      expect(await stores.people.leave(businessId, userId, 9_000)).toBe("missing");
      expect(await stores.sessions.isLive(inShop.sessionId)).toBe(false);
      expect(await stores.sessions.isLive(inLab.sessionId)).toBe(true);
      expect(await stores.sessions.isLive(ben.sessionId)).toBe(true);
      expect((await stores.people.memberships(userId)).map((one) => one.businessName)).toEqual(["lab"]);
    });

    test("the last owner can neither leave nor become less, even if both owners try at the same time", async () => {
      await using stores = await opened();
      const anna = await stores.sessions.create(newSession("anna", "shop"));
      const { businessId } = anna;
      expect(await stores.people.changeRole(businessId, anna.userId, "owner")).toBe("changed");
      expect(await stores.people.changeRole(businessId, anna.userId, "admin")).toBe("last-owner");
      expect(await stores.people.leave(businessId, anna.userId, 9_000)).toBe("last-owner");
      const ben = await stores.sessions.create(newSession("ben", "shop"));
      const outcomes = await Promise.all([
        stores.people.leave(businessId, anna.userId, 9_000),
        stores.people.changeRole(businessId, ben.userId, "member"),
      ]);
      expect(outcomes.sort()).toEqual(["changed", "last-owner"]);
      const left = await stores.people.members(businessId, undefined, 10);
      expect(left.filter((one) => one.role === "owner")).toHaveLength(1);
    });
  });
}

function newPerson(change: Partial<NewPerson> & { userName: string }): NewPerson {
  return { userId: newId("usr"), email: undefined, passwordHash: undefined, nowMs: 1_000, ...change };
}

function newSession(userName: string, businessName: string) {
  return { sessionId: newId("ses"), userName, businessName, role: "owner" as const, nowMs: 1_000 };
}
