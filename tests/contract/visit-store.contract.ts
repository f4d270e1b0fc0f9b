import { describe, expect, test } from "bun:test";
import type { BrowserSession, OneTimeLink, VisitStore } from "../../server/pages/visit-store.ts";
import { newId } from "../../shared/ids.ts";

/** What every store of browsers and links promises. `open` gives an empty one, which is closed after each test. */
export function visitStoreContract(
  name: string,
  open: () => Promise<{ visits: VisitStore; close(): Promise<void> }>,
) {
  const withStore = (rule: string, body: (store: VisitStore) => Promise<void>) =>
    test(rule, async () => {
      const { visits, close } = await open();
      try {
        await body(visits);
      } finally {
        await close();
      }
    });

  describe(`${name} keeps browsers that are signed in, and links that are valid once`, () => {
    withStore("a session comes back by the hash of its token, until it expires", async (store) => {
      const known = sessionOf({ from: "10.0.0.1", agent: "Firefox" });
      const unknown = sessionOf();
      await store.open(known, "hash-1");
      await store.open(unknown, "hash-2");
      expect(await store.find("hash-1", 9_999)).toEqual(known);
      expect(await store.find("hash-2", 9_999)).toEqual(unknown);
      expect(await store.find("hash-1", 10_000)).toBeUndefined();
      expect(await store.find("hash", 1_000)).toBeUndefined();
      await expect(store.open(sessionOf(), "hash-1")).rejects.toMatchObject({ code: "storage_failed" });
    });

    withStore("a session that is used expires later", async (store) => {
      const session = sessionOf();
      await store.open(session, "hash");
      await store.use(session.sessionId, 5_000, 20_000);
      expect(await store.find("hash", 15_000)).toEqual({ ...session, usedAtMs: 5_000, expiresAtMs: 20_000 });
      await store.use(newId("ses"), 5_000, 20_000);
    });

    withStore("a person's sessions are listed newest first, and end only for that person", async (store) => {
      const [anna, ben] = [newId("usr"), newId("usr")];
      const all = [1_000, 2_000, 3_000].map((createdAtMs) => sessionOf({ userId: anna, createdAtMs }));
      for (const [i, one] of all.entries()) await store.open(one, `anna-${i}`);
      const bens = sessionOf({ userId: ben });
      await store.open(bens, "ben");
      const ids = async (limit: number) =>
        (await store.list(anna, 4_000, limit)).map(({ sessionId }) => sessionId);
      const [oldest = "", middle = "", newest = ""] = all.map(({ sessionId }) => sessionId);
      expect(await ids(10)).toEqual([newest, middle, oldest]);
      expect(await ids(2)).toEqual([newest, middle]);
      expect(await store.list(anna, 10_000, 10)).toEqual([]);
      expect(await store.end(ben, newest)).toBe(false);
      expect(await store.end(anna, newest)).toBe(true);
      expect(await store.end(anna, newest)).toBe(false);
      await store.endOthers(anna, middle);
      expect(await ids(10)).toEqual([middle]);
      expect(await store.find("ben", 4_000)).toEqual(bens);
    });

    withStore("a link is taken once, however many try, and not after it expired", async (store) => {
      const link = linkOf({ userId: newId("usr") });
      await store.makeLink(link);
      await store.makeLink(linkOf({ tokenHash: "setup", purpose: "setup", userId: undefined }));
      expect(await store.link("link", 9_999)).toEqual(link);
      expect(await store.link("setup", 9_999)).toMatchObject({ purpose: "setup", userId: undefined });
      expect(await store.link("link", 10_000)).toBeUndefined();
      expect(await store.takeLink("link", 10_000)).toBeUndefined();
      const taken = await Promise.all(Array.from({ length: 20 }, () => store.takeLink("link", 9_999)));
      expect(taken.filter(Boolean)).toEqual([link]);
      expect(await store.link("link", 1_000)).toBeUndefined();
    });

    withStore("what has expired is removed, a limited number at a time", async (store) => {
      for (const i of [0, 1, 2]) await store.open(sessionOf(), `old-${i}`);
      await store.open(sessionOf({ expiresAtMs: 50_000 }), "new");
      await store.makeLink(linkOf());
      await store.makeLink(linkOf({ tokenHash: "new", expiresAtMs: 50_000 }));
      expect(await store.removeExpired(9_999, 10)).toBe(0);
      expect(await store.removeExpired(10_000, 2)).toBe(3);
      expect(await store.removeExpired(10_000, 2)).toBe(1);
      expect(await store.find("new", 10_000)).toBeDefined();
      expect(await store.link("new", 10_000)).toBeDefined();
    });
  });
}

function sessionOf(change: Partial<BrowserSession> = {}): BrowserSession {
  return {
    sessionId: newId("ses"),
    userId: newId("usr"),
    createdAtMs: 1_000,
    usedAtMs: 1_000,
    expiresAtMs: 10_000,
    from: undefined,
    agent: undefined,
    ...change,
  };
}

function linkOf(change: Partial<OneTimeLink> = {}): OneTimeLink {
  return { tokenHash: "link", purpose: "open", userId: undefined, expiresAtMs: 10_000, ...change };
}
