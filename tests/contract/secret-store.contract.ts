import { describe, expect, test } from "bun:test";
import type { DataKey, SecretChange, SecretStore } from "../../server/secret/secret-store.ts";
import { newId } from "../../shared/ids.ts";

/** What every secret store promises. `open` gives an empty store, which is closed after each test. */
export function secretStoreContract(
  name: string,
  open: () => Promise<{ store: SecretStore } & AsyncDisposable>,
) {
  describe(`${name} keeps secrets of jobs`, () => {
    test("a value comes back byte for byte, and each new value is a new version", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
      const facts = { businessId: key.businessId, name: "token", userId: "usr_a" };
      expect(await store.set(changeOf(key, { sealed: everyByte, nowMs: 1_000 }))).toEqual({
        kind: "set",
        secret: { ...facts, version: 1, createdAtMs: 1_000, updatedAtMs: 1_000 },
      });
      const second = { ...facts, userId: "usr_b", version: 2, createdAtMs: 1_000, updatedAtMs: 2_000 };
      const change = changeOf(key, { sealed: everyByte.toReversed(), nowMs: 2_000, userId: "usr_b" });
      expect(await store.set(change)).toEqual({ kind: "set", secret: second });
      expect(await store.list(key.businessId, undefined, 10, 2_000)).toEqual([second]);
      expect(await store.known(key.businessId, ["token", "other"], 2_000)).toEqual(["token"]);
      expect(await store.known(newId("biz"), ["token"], 2_000)).toEqual([]);
      const found = await store.find(key.businessId, ["token", "other"], 2_000);
      expect(found.map(plain)).toEqual([
        { businessId: key.businessId, name: "token", sealed: Buffer.from(everyByte.toReversed()) },
      ]);
    });

    test("a list goes on after a name, in the order of bytes", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      for (const one of ["b", "B", "a.1", "a-1", "z"]) await store.set(changeOf(key, { name: one }));
      const names = async (after: string | undefined, limit: number) =>
        (await store.list(key.businessId, after, limit, 2_000)).map((secret) => secret.name);
      expect(await names(undefined, 10)).toEqual(["B", "a-1", "a.1", "b", "z"]);
      expect(await names("a-1", 2)).toEqual(["a.1", "b"]);
      expect(await names("z", 2)).toEqual([]);
    });

    test("a business neither sees nor removes the secrets of another", async () => {
      await using opened = await open();
      const { store } = opened;
      const [mine, theirs] = [await newKey(store), await newKey(store)];
      await store.set(changeOf(mine));
      await store.set(changeOf(theirs, { sealed: new Uint8Array([9]) }));
      expect(await store.remove(mine.businessId, ["token"])).toEqual(["token"]);
      expect(await store.find(mine.businessId, ["token"], 2_000)).toEqual([]);
      expect(await store.list(theirs.businessId, undefined, 10, 2_000)).toHaveLength(1);
      expect((await store.dataKey(theirs.businessId))?.keyId).toBe(theirs.keyId);
    });

    test("of many data keys that are made at once one is kept, and everybody gets that one", async () => {
      await using opened = await open();
      const businessId = newId("biz");
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          opened.store.makeDataKey({ businessId, keyId: newId("sec"), wrapped: new Uint8Array([i]) }),
        ),
      );
      expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(1);
      expect((await opened.store.dataKey(businessId))?.keyId).toBe(made[0]?.keyId ?? "");
    });

    test("concurrent new secrets never exceed the limit, and a known one can still be set", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, i) => store.set(changeOf(key, { name: `s${i}`, maxSecrets: 5 }))),
      );
      expect(outcomes.filter(({ kind }) => kind === "set")).toHaveLength(5);
      expect(outcomes.filter(({ kind }) => kind === "full")).toHaveLength(7);
      const [known] = await store.list(key.businessId, undefined, 1, 2_000);
      const again = await store.set(changeOf(key, { name: known?.name ?? "", maxSecrets: 5 }));
      expect(again).toMatchObject({ kind: "set", secret: { version: 2 } });
    });

    test("concurrent values of one secret get versions of their own", async () => {
      await using opened = await open();
      const key = await newKey(opened.store);
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => opened.store.set(changeOf(key))));
      const versions = outcomes.map((one) => (one.kind === "set" ? one.secret.version : 0));
      expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    test("the last secret takes the data key with it, and nothing sealed with that key is stored after", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      for (const one of ["a", "b"]) await store.set(changeOf(key, { name: one }));
      expect(await store.remove(key.businessId, ["a", "nothing"])).toEqual(["a"]);
      expect(await store.dataKey(key.businessId)).toBeDefined();
      expect(await store.remove(key.businessId, ["b"])).toEqual(["b"]);
      expect(await store.dataKey(key.businessId)).toBeUndefined();
      expect(await store.set(changeOf(key))).toEqual({ kind: "key-gone" });
      expect(await store.list(key.businessId, undefined, 10, 2_000)).toEqual([]);
      expect(await store.remove(key.businessId, ["b"])).toEqual([]);
    });

    test("a value is stored with the business's data key or not at all, whatever is removed meanwhile", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      await store.set(changeOf(key));
      const [outcome] = await Promise.all([
        store.set(changeOf(key, { name: "other" })),
        store.remove(key.businessId, ["token"]),
      ]);
      const left = await store.list(key.businessId, undefined, 10, 2_000);
      expect(left.map((secret) => secret.name)).toEqual(outcome.kind === "set" ? ["other"] : []);
      expect((await store.dataKey(key.businessId))?.keyId).toBe(
        outcome.kind === "set" ? key.keyId : undefined,
      );
    });

    test("a data key that is lost goes if no secret needs it, and takes what it sealed from the trash", async () => {
      await using opened = await open();
      const { store } = opened;
      const [key, other] = [await newKey(store), await newKey(store)];
      const trashed = async ({ businessId }: DataKey, name: string) => {
        const into = { trashId: newId("trash"), userId: "usr_a", name: undefined };
        const times = { deletedAtMs: 1_000, expiresAtMs: 9_000 };
        expect(await store.remove(businessId, [name], { ...into, ...times })).toEqual([name]);
      };
      for (const one of [key, other]) {
        for (const name of ["token", "stays"]) await store.set(changeOf(one, { name }));
        await trashed(one, "token");
      }
      expect(await store.removeLostKey(key)).toBe(false);
      await trashed(key, "stays");
      expect(await store.removeLostKey({ ...key, wrapped: new Uint8Array([9]) })).toBe(false);
      expect(await store.dataKey(key.businessId)).toBeDefined();
      const tried = await Promise.all([store.removeLostKey(key), store.removeLostKey(key)]);
      expect(tried.sort()).toEqual([false, true]);
      expect(await store.dataKey(key.businessId)).toBeUndefined();
      expect(await store.set(changeOf(key))).toEqual({ kind: "key-gone" });
      expect((await store.dataKey(other.businessId))?.keyId).toBe(other.keyId);
      expect((await store.all(undefined, 10)).map(({ name }) => name).toSorted()).toEqual(["stays", "token"]);
    });

    test("an expired secret is there for nobody, and is removed with the data key that only it needed", async () => {
      await using opened = await open();
      const { store } = opened;
      const [key, other] = [await newKey(store), await newKey(store)];
      const set = await store.set(changeOf(key, { expiresAtMs: 5_000 }));
      expect(set).toMatchObject({ secret: { expiresAtMs: 5_000 } });
      await store.set(changeOf(other, { name: "stays" }));
      await store.set(changeOf(other, { expiresAtMs: 5_000 }));
      const seen = async (nowMs: number) => [
        (await store.list(key.businessId, undefined, 10, nowMs)).map(({ expiresAtMs }) => expiresAtMs),
        await store.known(key.businessId, ["token"], nowMs),
        (await store.find(key.businessId, ["token"], nowMs)).length,
      ];
      expect(await seen(4_999)).toEqual([[5_000], ["token"], 1]);
      expect(await seen(5_000)).toEqual([[], [], 0]);
      expect(await store.removeExpired(4_999, 10)).toBe(0);
      expect(await store.removeExpired(5_000, 10)).toBe(2);
      expect(await store.dataKey(key.businessId)).toBeUndefined();
      expect(await store.known(other.businessId, ["token", "stays"], 0)).toEqual(["stays"]);
      expect(await store.dataKey(other.businessId)).toBeDefined();
    });

    test("a new value does not expire with the one before it", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      await store.set(changeOf(key, { expiresAtMs: 5_000 }));
      const [again] = await Promise.all([store.set(changeOf(key)), store.removeExpired(4_000, 10)]);
      expect(again).toMatchObject({ secret: { version: 2 } });
      expect(again).not.toHaveProperty("secret.expiresAtMs");
      expect(await store.removeExpired(6_000, 10)).toBe(0);
      expect(await store.known(key.businessId, ["token"], 6_000)).toEqual(["token"]);
    });

    test("a data key is wrapped again only if nobody else did it", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = await newKey(store);
      await store.set(changeOf(key));
      const tried = await Promise.all([7, 8].map((n) => store.rewrap(key, new Uint8Array([n]))));
      expect(tried.filter(Boolean)).toHaveLength(1);
      const { wrapped } = (await store.dataKey(key.businessId)) ?? key;
      expect([...wrapped]).toEqual([tried[0] ? 7 : 8]);
      expect(await store.set(changeOf(key))).toMatchObject({ kind: "set" });
    });

    test("all data keys and all secrets can be read in pages", async () => {
      await using opened = await open();
      const { store } = opened;
      const keys = [await newKey(store), await newKey(store), await newKey(store)];
      for (const key of keys) for (const one of ["b", "a"]) await store.set(changeOf(key, { name: one }));
      const businesses = keys.map(({ businessId }) => businessId).sort();
      const first = await store.dataKeys(undefined, 2);
      const rest = await store.dataKeys(first.at(-1)?.businessId, 2);
      expect([...first, ...rest].map(({ businessId }) => businessId)).toEqual(businesses);
      const places: string[] = [];
      for (let page = await store.all(undefined, 4); page.length > 0; ) {
        places.push(...page.map(({ businessId, name }) => `${businessId} ${name}`));
        page = await store.all(page.at(-1), 4);
      }
      expect(places).toEqual(businesses.flatMap((one) => [`${one} a`, `${one} b`]));
    });
  });
}

function newKey(store: SecretStore): Promise<DataKey> {
  const wrapped = new Uint8Array([0, 255, 1]);
  return store.makeDataKey({ businessId: newId("biz"), keyId: newId("sec"), wrapped });
}

function changeOf({ businessId, keyId }: DataKey, change: Partial<SecretChange> = {}): SecretChange {
  return {
    businessId,
    keyId,
    name: "token",
    sealed: new Uint8Array([1, 2, 3]),
    userId: "usr_a",
    nowMs: 1_000,
    maxSecrets: 100,
    ...change,
  };
}

function plain<Row extends { sealed: Uint8Array }>(row: Row) {
  return { ...row, sealed: Buffer.from(row.sealed) };
}
