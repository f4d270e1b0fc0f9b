import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { ApiKeyRecord, ApiKeyStore } from "../../server/api-key/api-key-store.ts";
import { newId } from "../../shared/ids.ts";

const MAX = 100;

/** What every store of API keys promises. `open` gives an empty store, which is closed after each test. */
export function apiKeyStoreContract(
  name: string,
  open: () => Promise<{ store: ApiKeyStore } & AsyncDisposable>,
) {
  describe(`${name} keeps API keys`, () => {
    test("a key comes back as it was made, until it is revoked", async () => {
      await using opened = await open();
      const { store } = opened;
      const plain = keyOf();
      const limited = keyOf({
        maxJobsPerHour: 10,
        maxConcurrent: 2,
        allowedJobTypes: ["DOCKER", "COMMAND"],
        readOnly: true,
        expiresAtMs: 9_000,
      });
      for (const key of [plain, limited]) {
        expect(await store.create(key, MAX)).toBe("created");
        expect(await store.find(key.apiKeyId)).toEqual(key);
      }
      expect(await store.find("tnv_00000000")).toBeUndefined();
      expect(await store.revoke(plain.apiKeyId, 5_000)).toBe(true);
      expect(await store.revoke(plain.apiKeyId, 6_000)).toBe(false);
      expect(await store.find(plain.apiKeyId)).toEqual({ ...plain, revokedAtMs: 5_000 });
    });

    test("of many keys with the same name that are made at once one is kept, and a revoked one frees its name", async () => {
      await using opened = await open();
      const { store } = opened;
      const person = { businessId: newId("biz"), userId: newId("usr") };
      const keys = Array.from({ length: 8 }, () => keyOf({ ...person, name: "ci" }));
      const outcomes = await Promise.all(keys.map((key) => store.create(key, MAX)));
      expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "name-taken")).toHaveLength(7);
      const [kept] = await store.list({ ...person, before: undefined, limit: 10 });
      await store.revoke(kept?.apiKeyId ?? "", 2_000);
      expect(await store.create(keyOf({ ...person, name: "ci" }), MAX)).toBe("created");
      const taken = keyOf({ apiKeyId: kept?.apiKeyId ?? "" });
      expect(await store.create(taken, MAX)).toBe("id-taken");
    });

    test("keys that are made at once never exceed the most that a person may have", async () => {
      await using opened = await open();
      const { store } = opened;
      const person = { businessId: newId("biz"), userId: newId("usr") };
      const outcomes = await Promise.all(
        Array.from({ length: 9 }, (_, i) => store.create(keyOf({ ...person, name: `k${i}` }), 4)),
      );
      expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(4);
      expect(outcomes.filter((outcome) => outcome === "full")).toHaveLength(5);
      expect(await store.create(keyOf({ ...person, userId: newId("usr") }), 4)).toBe("created");
    });

    test("a list has the newest first, of one person or of all, and goes on after a key", async () => {
      await using opened = await open();
      const { store } = opened;
      const businessId = newId("biz");
      const [anna, bert] = [newId("usr"), newId("usr")];
      const made = [
        keyOf({ businessId, userId: anna, name: "a", createdAtMs: 1_000 }),
        keyOf({ businessId, userId: bert, name: "b", createdAtMs: 2_000 }),
        keyOf({ businessId, userId: anna, name: "c", createdAtMs: 3_000 }),
        keyOf({ businessId, userId: anna, name: "gone", createdAtMs: 4_000 }),
      ];
      for (const key of [...made, keyOf({ name: "theirs" })]) await store.create(key, MAX);
      await store.revoke(made[3]?.apiKeyId ?? "", 5_000);
      const names = async (userId: string | undefined, before?: ApiKeyRecord, limit = 10) =>
        (await store.list({ businessId, userId, before, limit })).map((key) => key.name);
      expect(await names(undefined)).toEqual(["c", "b", "a"]);
      expect(await names(anna)).toEqual(["c", "a"]);
      expect(await names(undefined, undefined, 2)).toEqual(["c", "b"]);
      expect(await names(undefined, made[1])).toEqual(["a"]);
    });

    test("the last use is the latest that was noted", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = keyOf();
      await store.create(key, MAX);
      await Promise.all([store.touch(key.apiKeyId, 7_000), store.touch(key.apiKeyId, 6_000)]);
      expect((await store.find(key.apiKeyId))?.lastUsedAtMs).toBe(7_000);
    });
  });
}

function keyOf(fields: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    apiKeyId: `tnv_${randomBytes(4).toString("hex")}`,
    businessId: newId("biz"),
    userId: newId("usr"),
    sessionId: newId("ses"),
    name: "ci",
    keyHash: "$2b$05$hash",
    role: "member",
    readOnly: false,
    createdAtMs: 1_000,
    ...fields,
  };
}
