import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { EnrolmentRecord, EnrolmentStore } from "../../server/enrolment/enrolment-store.ts";
import { newId } from "../../shared/ids.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

/** What every store of enrolment tokens must do. */
export function enrolmentStoreContract(
  name: string,
  open: () => Promise<{ store: EnrolmentStore } & AsyncDisposable>,
): void {
  describe(`${name}: enrolments`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: EnrolmentStore;
    let businessId: string;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
      businessId = newId("biz");
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    const add = async (change: Partial<EnrolmentRecord> = {}): Promise<EnrolmentRecord> => {
      const enrolment: EnrolmentRecord = {
        enrolmentId: newId("enr"),
        businessId,
        userId: newId("usr"),
        secretHash: "hash",
        maxUses: 5,
        used: 0,
        pool: undefined,
        labels: {},
        createdAtMs: AT_MS,
        expiresAtMs: AT_MS + 60_000,
        lastUsedAtMs: undefined,
        revokedAtMs: undefined,
        ...change,
      };
      await store.insert(enrolment);
      return enrolment;
    };

    test("an enrolment is found as it was made, and listed newest first in its own business", async () => {
      const first = await add({ pool: "farm", labels: { "gpu.kind": "a100", disk: "ssd" } });
      const second = await add();
      await add({ businessId: newId("biz") });
      expect(await store.find(first.enrolmentId)).toEqual(first);
      expect(await store.find(newId("enr"))).toBeUndefined();
      expect(await store.list(businessId, undefined, 10)).toEqual([second, first]);
      expect(await store.list(businessId, undefined, 1)).toEqual([second]);
      expect(await store.list(businessId, second.enrolmentId, 10)).toEqual([first]);
    });

    test("of many machines that use a token at the same time, exactly as many as it has uses get through", async () => {
      const { enrolmentId } = await add({ maxUses: 7 });
      const keys = Array.from({ length: 40 }, () => crypto.randomUUID());
      const answers = await Promise.all(keys.map((key) => store.use(enrolmentId, key, AT_MS + 1)));
      expect(answers.filter(Boolean)).toHaveLength(7);
      expect(await store.find(enrolmentId)).toMatchObject({ used: 7, lastUsedAtMs: AT_MS + 1 });
    });

    test("a use that is repeated counts once, also at the same time and after the token is used up", async () => {
      const { enrolmentId } = await add({ maxUses: 1 });
      const repeat = () => store.use(enrolmentId, "one", AT_MS);
      expect(await Promise.all([repeat(), repeat(), repeat()])).toEqual([true, true, true]);
      expect(await store.use(enrolmentId, "other", AT_MS)).toBe(false);
      expect(await repeat()).toBe(true);
      expect((await store.find(enrolmentId))?.used).toBe(1);
    });

    test("an expired or revoked token gives no use, not even a repeated one", async () => {
      const { enrolmentId, expiresAtMs } = await add();
      expect(await store.use(enrolmentId, "one", expiresAtMs - 1)).toBe(true);
      expect(await store.use(enrolmentId, "one", expiresAtMs)).toBe(false);
      expect(await store.use(enrolmentId, "two", expiresAtMs)).toBe(false);
      expect(await store.revoke(newId("biz"), enrolmentId, AT_MS + 2)).toBeUndefined();
      expect(await store.use(enrolmentId, "two", AT_MS)).toBe(true);
      expect(await store.revoke(businessId, enrolmentId, AT_MS + 2)).toMatchObject({
        revokedAtMs: AT_MS + 2,
      });
      expect(await store.revoke(businessId, enrolmentId, AT_MS + 9)).toMatchObject({
        revokedAtMs: AT_MS + 2,
      });
      expect(await store.use(enrolmentId, "two", AT_MS)).toBe(false);
      expect(await store.revoke(businessId, newId("enr"), AT_MS)).toBeUndefined();
    });
  });
}
