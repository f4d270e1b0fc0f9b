import { describe, expect, test } from "bun:test";
import { AuditLog } from "../../server/audit/audit-log.ts";
import type { AuditRow, AuditStore } from "../../server/audit/audit-store.ts";
import { shorten } from "../../server/audit/chain.ts";
import { checkChains } from "../../server/audit/check-chain.ts";
import type { AuditEvent } from "../../shared/audit.ts";
import { newId } from "../../shared/ids.ts";

const KEY = new Uint8Array(32).fill(7);
const log = { info() {}, warn() {}, error() {} };

/** What every audit store promises, and the log that is written through it. */
export function auditStoreContract(
  name: string,
  open: () => Promise<{ store: AuditStore } & AsyncDisposable>,
) {
  describe(`${name} keeps the audit log`, () => {
    test("entries of two servers at the same time form one chain per business, and none is lost", async () => {
      await using opened = await open();
      const { store } = opened;
      const servers = [logOf(store), logOf(store)];
      const businesses = [newId("biz"), newId("biz")];
      await Promise.all(
        Array.from({ length: 60 }, (_, i) =>
          servers[i % 2]?.record(businesses[i % 3 === 0 ? 0 : 1], eventOf(`event ${i}`)),
        ),
      );
      const chains = await Promise.all(businesses.map((businessId) => store.chain(businessId, 0, 100)));
      expect(chains.map((rows) => rows.length)).toEqual([20, 40]);
      expect(chains[0]?.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      expect(await checkChains(store, KEY, 10)).toEqual({ entries: 60, broken: [] });
    });

    test("a list is filtered and goes from the newest back", async () => {
      await using opened = await open();
      const { store } = opened;
      const businessId = newId("biz");
      let nowMs = 1_000;
      const audit = logOf(store, () => nowMs);
      for (const userId of ["usr_a", "usr_b", "usr_a"]) {
        await audit.record(businessId, eventOf(userId === "usr_b" ? "left" : "came", userId));
        nowMs += 1_000;
      }
      const all = { businessId, beforeSeq: undefined, sinceMs: undefined, untilMs: undefined };
      const list = async (query: object) =>
        (await store.list({ ...all, event: undefined, userId: undefined, limit: 10, ...query })).map(
          ({ seq }) => seq,
        );
      expect(await list({})).toEqual([3, 2, 1]);
      expect(await list({ limit: 2 })).toEqual([3, 2]);
      expect(await list({ beforeSeq: 2 })).toEqual([1]);
      expect(await list({ event: "left" })).toEqual([2]);
      expect(await list({ userId: "usr_a" })).toEqual([3, 1]);
      expect(await list({ sinceMs: 2_000, untilMs: 2_500 })).toEqual([2]);
      expect(await list({ businessId: newId("biz") })).toEqual([]);
    });

    test("the old end may be cut, and the rest is still proved", async () => {
      await using opened = await open();
      const { store } = opened;
      const businessId = newId("biz");
      const audit = logOf(store);
      for (let i = 0; i < 5; i++) await audit.record(businessId, eventOf(`event ${i}`));
      const [head] = await store.heads(undefined, 1);
      const [, second] = await store.chain(businessId, 0, 2);
      if (!head || !second) throw new Error("the chain is missing");
      const shorter = shorten(head, second, KEY);
      expect(await store.cut(head, shorter)).toBe(true);
      expect(await store.cut(head, shorter)).toBe(false);
      expect((await store.chain(businessId, 0, 10)).map(({ seq }) => seq)).toEqual([3, 4, 5]);
      await audit.record(businessId, eventOf("afterwards"));
      expect(await checkChains(store, KEY, 10)).toEqual({ entries: 4, broken: [] });
    });
  });
}

/** Rows as a store would return them after somebody has changed them, and what the check says then. */
export async function checkChanged(
  store: AuditStore,
  change: (rows: AuditRow[]) => AuditRow[],
): Promise<string[]> {
  const heads = await store.heads(undefined, 10);
  const changed = {
    heads: async (after: string | undefined) => (after === undefined ? heads : []),
    chain: async (businessId: string, afterSeq: number, limit: number) =>
      change(await store.chain(businessId, 0, 1_000))
        .filter(({ seq }) => seq > afterSeq)
        .slice(0, limit),
  };
  const { broken } = await checkChains(changed, KEY, 10);
  return broken.map(({ seq, why }) => `${seq}: ${why}`);
}

export function logOf(store: AuditStore, now = () => 1_000): AuditLog {
  return new AuditLog({ store, key: KEY, log, now });
}

export function eventOf(event: string, userId = "usr_a"): AuditEvent {
  return { event, actor: { kind: "user", userId } };
}
