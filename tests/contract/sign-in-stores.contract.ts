import { describe, expect, test } from "bun:test";
import type { OneTimeStore } from "../../server/auth/one-time-store.ts";
import type { PasskeyRecord, PasskeyStore } from "../../server/people/passkey-store.ts";
import type { ThrottleStore } from "../../server/throttle/throttle-store.ts";
import { newId } from "../../shared/ids.ts";

interface SignInStores {
  throttle: ThrottleStore;
  oneTime: OneTimeStore;
  passkeys: PasskeyStore;
  close(): Promise<void>;
}

const rule = { freeTries: 3, firstMs: 1_000, maxMs: 3_000, forgetMs: 60_000 };

/** What the stores behind the ways to sign in promise. `open` gives empty stores, which are closed after each test. */
export function signInStoresContract(name: string, open: () => Promise<SignInStores>) {
  const opened = async () => {
    const stores = await open();
    return { ...stores, [Symbol.asyncDispose]: stores.close };
  };

  describe(`${name} counts tries`, () => {
    test("tries are free at first, then wait longer and longer up to the longest wait, and are forgotten after a pause", async () => {
      await using stores = await opened();
      const take = (nowMs: number, key = "a") => stores.throttle.take(key, rule, nowMs);
      for (let i = 0; i < 3; i++) expect(await take(100_000)).toBe(0);
      expect(await take(100_000)).toBe(1_000);
      expect(await take(100_400)).toBe(600);
      expect(await take(101_000)).toBe(0);
      expect(await take(101_000)).toBe(2_000);
      expect(await take(103_000)).toBe(0);
      expect(await take(103_000)).toBe(3_000);
      expect(await take(106_000)).toBe(0);
      expect(await take(106_000)).toBe(3_000);
      expect(await take(106_000, "b")).toBe(0);
      for (let i = 0; i < 3; i++) expect(await take(166_000)).toBe(0);
      expect(await take(166_000)).toBe(1_000);
    });

    test("of many tries at the same time, no more than the free ones go on", async () => {
      await using stores = await opened();
      const waits = await Promise.all(
        Array.from({ length: 30 }, () => stores.throttle.take("a", rule, 100_000)),
      );
      expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
      expect(waits.filter((wait) => wait === 1_000)).toHaveLength(27);
    });

    test("a try that is given back does not count, and a cleared key starts again", async () => {
      await using stores = await opened();
      const take = () => stores.throttle.take("a", rule, 100_000);
      for (let i = 0; i < 3; i++) expect(await take()).toBe(0);
      await stores.throttle.giveBack("a", 100_000);
      expect(await take()).toBe(0);
      expect(await take()).toBe(1_000);
      await stores.throttle.clear("a", 500_000);
      for (let i = 0; i < 3; i++) expect(await take()).toBe(0);
      await stores.throttle.giveBack("nobody", 100_000);
      expect(await stores.throttle.has("nobody", 100_000)).toBe(false);
    });

    test("a key is kept as long as it should be, and then pruned", async () => {
      await using stores = await opened();
      await stores.throttle.clear("long", 900_000);
      await stores.throttle.take("long", rule, 100_000);
      await stores.throttle.take("short", rule, 100_000);
      expect(await stores.throttle.has("short", 159_999)).toBe(true);
      expect(await stores.throttle.has("short", 160_000)).toBe(false);
      expect(await stores.throttle.prune(160_000, 10)).toBe(1);
      expect(await stores.throttle.has("long", 899_999)).toBe(true);
      expect(await stores.throttle.prune(900_000, 10)).toBe(1);
    });

    test("a wait that was set while the clock was ahead lasts no longer than the longest wait", async () => {
      await using stores = await opened();
      for (let i = 0; i < 4; i++) await stores.throttle.take("a", rule, 130_000);
      expect(await stores.throttle.take("a", rule, 100_000)).toBe(3_000);
      for (let i = 0; i < 4; i++) await stores.throttle.take("b", rule, 900_000);
      expect(await stores.throttle.take("b", rule, 100_000)).toBe(0);
    });
  });

  describe(`${name} keeps values for one use`, () => {
    test("a value is read as often as it may be, and not after its end", async () => {
      await using stores = await opened();
      await stores.oneTime.put({ key: "a", value: "one", reads: 2, endsAtMs: 5_000 });
      expect(await stores.oneTime.read("a", 4_999)).toBe("one");
      expect(await stores.oneTime.read("a", 5_000)).toBeUndefined();
      expect(await stores.oneTime.read("a", 1_000)).toBe("one");
      expect(await stores.oneTime.read("a", 1_000)).toBeUndefined();
      expect(await stores.oneTime.read("b", 1_000)).toBeUndefined();
    });

    test("of many who read or remove one value at the same time, exactly one gets it", async () => {
      await using stores = await opened();
      await stores.oneTime.put({ key: "a", value: "one", reads: 1, endsAtMs: 5_000 });
      const read = await Promise.all(Array.from({ length: 20 }, () => stores.oneTime.read("a", 1_000)));
      expect(read.filter((value) => value === "one")).toHaveLength(1);
      const removed = await Promise.all(Array.from({ length: 20 }, () => stores.oneTime.remove("a", "one")));
      expect(removed.filter(Boolean)).toHaveLength(1);
    });

    test("a new value takes the place of the old one, which can no longer be removed", async () => {
      await using stores = await opened();
      await stores.oneTime.put({ key: "a", value: "one", reads: 1, endsAtMs: 5_000 });
      await stores.oneTime.put({ key: "a", value: "two", reads: 1, endsAtMs: 9_000 });
      expect(await stores.oneTime.remove("a", "one")).toBe(false);
      expect(await stores.oneTime.prune(5_000, 10)).toBe(0);
      expect(await stores.oneTime.read("a", 8_000)).toBe("two");
      expect(await stores.oneTime.prune(9_000, 10)).toBe(1);
    });
  });

  describe(`${name} keeps passkeys`, () => {
    test("a passkey comes back with everything it had, and its id exists once", async () => {
      await using stores = await opened();
      const passkey = newPasskey();
      expect(await stores.passkeys.hasAny()).toBe(false);
      expect(await stores.passkeys.add(passkey)).toBe(true);
      expect(await stores.passkeys.hasAny()).toBe(true);
      expect(await stores.passkeys.add(newPasskey({ passkeyId: passkey.passkeyId }))).toBe(false);
      expect(await stores.passkeys.find(passkey.passkeyId)).toEqual(passkey);
      expect(await stores.passkeys.find("other")).toBeUndefined();
    });

    test("a person sees and removes their own passkeys, and nobody else's", async () => {
      await using stores = await opened();
      const userId = newId("usr");
      const mine = [newPasskey({ userId, createdAtMs: 1 }), newPasskey({ userId, createdAtMs: 2 })];
      for (const passkey of mine) await stores.passkeys.add(passkey);
      await stores.passkeys.add(newPasskey());
      expect(await stores.passkeys.ofPerson(userId)).toEqual(mine);
      const passkeyId = mine[0]?.passkeyId ?? "";
      expect(await stores.passkeys.remove(newId("usr"), passkeyId)).toBe(false);
      expect(await stores.passkeys.remove(userId, passkeyId)).toBe(true);
      expect(await stores.passkeys.remove(userId, passkeyId)).toBe(false);
      expect(await stores.passkeys.ofPerson(userId)).toEqual(mine.slice(1));
    });

    test("of two uses with one count, one succeeds", async () => {
      await using stores = await opened();
      const passkey = newPasskey({ counter: 4 });
      await stores.passkeys.add(passkey);
      const use = () => stores.passkeys.use(passkey.passkeyId, { before: 4, after: 5 }, 9_000);
      expect((await Promise.all([use(), use()])).filter(Boolean)).toHaveLength(1);
      const used = { ...passkey, counter: 5, lastUsedAtMs: 9_000 };
      expect(await stores.passkeys.find(passkey.passkeyId)).toEqual(used);
    });
  });
}

function newPasskey(change: Partial<PasskeyRecord> = {}): PasskeyRecord {
  return {
    passkeyId: crypto.randomUUID(),
    userId: newId("usr"),
    rpId: "compute.example.org",
    publicKey: new Uint8Array([1, 2, 3]),
    counter: 0,
    transports: ["internal"],
    name: "Laptop",
    createdAtMs: 1_000,
    lastUsedAtMs: undefined,
    ...change,
  };
}
