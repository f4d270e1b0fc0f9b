import { expect, test } from "bun:test";
import { AuditLog } from "../../server/audit/audit-log.ts";
import { auditMigrations, SqliteAuditStore } from "../../server/audit/audit-store.sqlite.ts";
import { hashOf } from "../../server/audit/chain.ts";
import { checkChains } from "../../server/audit/check-chain.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { auditStoreContract, checkChanged, eventOf, logOf } from "./audit-store.contract.ts";

async function open() {
  const sqlite = new SqliteStore(":memory:", auditMigrations);
  return {
    sqlite,
    store: new SqliteAuditStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
}

auditStoreContract("SQLite", open);

test("an entry that was changed, removed, added or cut off is found, and named", async () => {
  await using opened = await open();
  const { store } = opened;
  const audit = logOf(store);
  for (let i = 1; i <= 4; i++) await audit.record("biz_a", eventOf(`event ${i}`));
  expect(await checkChanged(store, (rows) => rows)).toEqual([]);
  const other = (entry: string) => entry.replace("event 2", "nothing");
  expect(
    await checkChanged(store, (rows) =>
      rows.map((row) => (row.seq === 2 ? { ...row, entry: other(row.entry) } : row)),
    ),
  ).toEqual(["2: it was changed"]);
  // An entry that is changed together with its hash breaks the next one.
  expect(
    await checkChanged(store, (rows) =>
      rows.map((row) =>
        row.seq === 2
          ? { ...row, event: "nothing", entry: other(row.entry), hash: hashOf(other(row.entry)) }
          : row,
      ),
    ),
  ).toEqual(["3: the one before it was changed or replaced"]);
  expect(await checkChanged(store, (rows) => rows.filter(({ seq }) => seq !== 3))).toEqual([
    "3: it is missing",
  ]);
  expect(await checkChanged(store, (rows) => rows.slice(0, 2))).toEqual([
    "3: the newest 2 entries are missing",
  ]);
  expect(
    await checkChanged(store, (rows) =>
      rows.map((row) => (row.seq === 2 ? { ...row, userId: "usr_b" } : row)),
    ),
  ).toEqual(["2: the columns it is found by were changed"]);
});

test("a chain that was written without the key of the servers is found", async () => {
  await using opened = await open();
  const { store } = opened;
  const forger = { store, key: new Uint8Array(32), log: { info() {}, warn() {}, error() {} }, now: () => 1 };
  await new AuditLog(forger).record("biz_a", eventOf("forged"));
  const { broken } = await checkChains(store, new Uint8Array(32).fill(7), 10);
  expect(broken).toEqual([
    {
      businessId: "biz_a",
      seq: undefined,
      why: "the end of the chain was not written by a server of this store",
    },
  ]);
});

test("SQLite itself refuses to change an entry, or to remove one that is not at the old end", async () => {
  await using opened = await open();
  await logOf(opened.store).record("biz_a", eventOf("one"));
  const { sqlite } = opened;
  const change = "UPDATE compute_audit SET entry = 'x'";
  await expect(sqlite.write(() => sqlite.run(change))).rejects.toThrow("never changed");
  await expect(sqlite.write(() => sqlite.run("DELETE FROM compute_audit"))).rejects.toThrow(
    "only removed from",
  );
});
