import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ComputeError } from "../../shared/errors.ts";
import { FileHold } from "./file-hold.ts";
import { LogSync } from "./log-sync.ts";
import { SqliteStore, StoreInUseError } from "./sqlite.ts";

const table = { id: "test-1", sql: "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT" };
let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sqlite-store-"));
  file = join(directory, "compute.db");
});
afterEach(() => rm(directory, { recursive: true }));

const insert = (store: SqliteStore, id: string) =>
  store.write(() => store.run("INSERT INTO things (id) VALUES ($id)", { id }));
const count = (store: SqliteStore) => store.get<{ n: number }>("SELECT count(*) AS n FROM things")?.n;

test("an acknowledged write is there when the file is opened again", async () => {
  const first = new SqliteStore(file, [table]);
  await Promise.all(Array.from({ length: 100 }, (_, i) => insert(first, String(i))));
  first.close();
  const second = new SqliteStore(file, [table]);
  expect(count(second)).toBe(100);
  second.close();
});

test("a write that throws undoes its own changes and no others in its group", async () => {
  const store = new SqliteStore(file, [table]);
  const bad = store.write(() => {
    store.run("INSERT INTO things (id) VALUES ('bad')");
    throw new Error("changed my mind");
  });
  const results = await Promise.allSettled([insert(store, "a"), bad, insert(store, "b")]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(store.all("SELECT id FROM things ORDER BY id")).toEqual([{ id: "a" }, { id: "b" }]);
  store.close();
});

test("a write to an idle store whose disk is quick is synced at once, one that others follow closely on another thread", async () => {
  const store = new SqliteStore(file, [table]);
  const [sync, syncHere] = [spyOn(LogSync.prototype, "sync"), spyOn(LogSync.prototype, "syncHere")];
  const quick = spyOn(LogSync.prototype, "isQuick").mockReturnValue(true);
  const clock = spyOn(performance, "now").mockReturnValue(1_000);
  const counts = () => [sync.mock.calls.length, syncHere.mock.calls.length];
  await insert(store, "a");
  expect(counts()).toEqual([0, 1]);
  clock.mockReturnValue(1_005);
  await insert(store, "b");
  expect(counts()).toEqual([1, 1]);
  clock.mockReturnValue(2_000);
  quick.mockReturnValue(false);
  await insert(store, "c");
  expect(counts()).toEqual([2, 1]);
  quick.mockReturnValue(true);
  clock.mockReturnValue(3_000);
  syncHere.mockImplementation(() => {
    throw Object.assign(new Error("no"), { code: "EIO" });
  });
  await expect(insert(store, "d")).rejects.toMatchObject({ code: "storage_failed" });
  for (const spy of [sync, syncHere, quick, clock]) spy.mockRestore();
  store.close();
});

test("a write that another one leads to once it is applied reads its rows and shares its way to the disk", async () => {
  const store = new SqliteStore(file, [table]);
  const sync = spyOn(LogSync.prototype, "sync");
  let follower: Promise<number | undefined> | undefined;
  const first = store.write(
    () => store.run("INSERT INTO things (id) VALUES ('a')"),
    () => {
      follower = store.write(() => count(store));
    },
  );
  expect(await first).toBe(1);
  expect(await follower).toBe(1);
  expect(sync).toHaveBeenCalledTimes(1);
  sync.mockRestore();
  store.close();
});

test("what was read is recalled until something changes, also a change that was undone", async () => {
  const store = new SqliteStore(file, [table]);
  let reads = 0;
  const recalled = () =>
    store.recall("count", () => {
      reads++;
      return count(store);
    });
  expect([recalled(), recalled(), reads]).toEqual([0, 0, 1]);
  await insert(store, "a");
  expect([recalled(), recalled(), reads]).toEqual([1, 1, 2]);
  await Promise.allSettled([insert(store, "a")]);
  expect([recalled(), reads]).toEqual([1, 3]);
  store.close();
});

test("a write is acknowledged when the disk has it and not before, and what comes meanwhile shares the next way there", async () => {
  const store = new SqliteStore(file, [table]);
  const syncs: PromiseWithResolvers<void>[] = [];
  const sync = spyOn(LogSync.prototype, "sync").mockImplementation(() => {
    syncs.push(Promise.withResolvers<void>());
    return syncs.at(-1)?.promise ?? Promise.reject();
  });
  const acknowledged: string[] = [];
  const add = (id: string) => insert(store, id).then(() => acknowledged.push(id));
  const turn = () => new Promise(setImmediate);
  const all = [add("a"), add("b")];
  await turn();
  all.push(add("c"));
  await turn();
  all.push(add("d"));
  await turn();
  expect([syncs.length, acknowledged]).toEqual([1, []]);
  syncs[0]?.resolve();
  await Promise.all(all.slice(0, 2));
  await turn();
  expect([syncs.length, acknowledged]).toEqual([2, ["a", "b"]]);
  syncs[1]?.resolve();
  await Promise.all(all);
  sync.mockRestore();
  store.close();
});

test("writes that the disk refuses to keep are storage_failed, and later ones are acknowledged only once it has kept all", async () => {
  const store = new SqliteStore(file, [table]);
  await insert(store, "a");
  const sync = spyOn(LogSync.prototype, "sync").mockRejectedValueOnce(new Error("EIO: i/o error, fdatasync"));
  const maintain = spyOn(Database.prototype, "exec");
  const refused = await insert(store, "b").catch((error) => error);
  expect(refused).toMatchObject({ code: "storage_failed", message: expect.stringContaining("i/o error") });
  expect(maintain.mock.calls.flat()).not.toContain("PRAGMA wal_checkpoint(TRUNCATE)");
  await insert(store, "c");
  expect(maintain.mock.calls.flat()).toContain("PRAGMA wal_checkpoint(TRUNCATE)");
  sync.mockRestore();
  maintain.mockRestore();
  store.close();
});

test("closing brings what is under way to the disk and acknowledges it", async () => {
  const store = new SqliteStore(file, [table]);
  const sync = spyOn(LogSync.prototype, "sync").mockReturnValue(new Promise(() => undefined));
  const first = insert(store, "a");
  await new Promise(setImmediate);
  const second = insert(store, "b");
  store.close();
  await Promise.all([first, second]);
  sync.mockRestore();
  const again = new SqliteStore(file, [table]);
  expect(count(again)).toBe(2);
  again.close();
});

test("a change that the store refuses is storage_failed, and the store keeps working", async () => {
  const store = new SqliteStore(file, [table]);
  await insert(store, "a");
  const refused = await insert(store, "a").catch((error) => error);
  expect(refused).toBeInstanceOf(ComputeError);
  expect(refused.code).toBe("storage_failed");
  await insert(store, "b");
  expect(count(store)).toBe(2);
  store.close();
});

test("a second server cannot open the same file", () => {
  const store = new SqliteStore(file, [table]);
  const script = `
    const { SqliteStore } = await import(${JSON.stringify(join(import.meta.dir, "sqlite.ts"))});
    try { new SqliteStore(${JSON.stringify(file)}, []); } catch (error) { console.log(error.name); }`;
  const other = Bun.spawnSync([process.execPath, "-e", script], { timeout: 10_000 });
  expect(other.stdout.toString().trim()).toBe(StoreInUseError.name);
  store.close();
});

test("only the server's own account can read the file", async () => {
  const store = new SqliteStore(file, [table]);
  expect((await stat(file)).mode & 0o077).toBe(0);
  store.close();
});

test("a migration is applied once, and one that fails leaves nothing behind", () => {
  new SqliteStore(file, [table]).close();
  const broken = { id: "test-2", sql: "CREATE TABLE more (id TEXT) STRICT; CREATE TABLE things (id TEXT)" };
  expect(() => new SqliteStore(file, [table, broken])).toThrow(/Migration test-2 failed/);
  const store = new SqliteStore(file, [table]);
  expect(store.get("SELECT name FROM sqlite_master WHERE name = 'more'")).toBeUndefined();
  store.close();
});

test("a write after close is rejected, and breaks nothing", async () => {
  const store = new SqliteStore(file, [table]);
  const last = insert(store, "a");
  store.close();
  await last;
  await expect(insert(store, "b")).rejects.toMatchObject({ code: "unavailable" });
  await new Promise(setImmediate);
  const again = new SqliteStore(file, [table]);
  expect(count(again)).toBe(1);
  again.close();
});

test("a file that a newer version has changed is left alone", () => {
  new SqliteStore(file, [table, { id: "test-2", sql: "CREATE TABLE more (id TEXT) STRICT" }]).close();
  expect(() => new SqliteStore(file, [table])).toThrow(/a newer version .* has changed the store \(test-2\)/);
});

test("a held file stays unchanged while writes go on, and gets them when the hold ends", async () => {
  const store = new SqliteStore(file, [table]);
  const hold = new FileHold((pragma) => store.maintain(pragma));
  expect(hold.end()).toBe(false);
  await insert(store, "before");
  hold.begin();
  const bytes = async () => Bun.hash(await Bun.file(file).bytes());
  const held = await bytes();
  // Far more than SQLite needs to move the log into the file on its own.
  for (let i = 0; i < 5; i++) {
    await store.write(() => {
      for (let n = 0; n < 500; n++) {
        store.run("INSERT INTO things (id) VALUES ($id)", { id: `${i}/${n}/${"x".repeat(4_000)}` });
      }
    });
  }
  hold.begin();
  expect(await bytes()).toBe(held);
  expect(hold.end()).toBe(true);
  await insert(store, "after");
  expect(await bytes()).not.toBe(held);
  expect(count(store)).toBe(2_502);
  store.close();
});
