import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { MAX_SECRET_BYTES, MAX_SECRETS } from "../../shared/secret.ts";
import { Seal } from "../auth/seal.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import type { Stores } from "../compose/stores.ts";
import { DataKeys } from "./data-keys.ts";
import { SecretService } from "./secret-service.ts";

const IN_TRASH = { trashId: newId("trash"), name: undefined, deletedAtMs: 0, expiresAtMs: 9_000 };
/** The numbers of the master keys in the key file. */
let masters: number[];
let stores: Stores;
let secrets: SecretService;
let keys: DataKeys;

beforeEach(() => {
  masters = [1];
  const seal = new Seal(() => ({ keys: masters.map((number) => new Uint8Array(32).fill(number)) }));
  stores = openSqliteStores(":memory:", seal);
  [keys, secrets] = serverWith(seal);
});
afterEach(() => stores.close());

test("a job gets exactly the bytes that were set", async () => {
  const anna = await member("owner");
  const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
  await secrets.set(anna, "bytes", Uint8Array.from(everyByte));
  await secrets.set(anna, "text", Buffer.from("Grüße\n"));
  const values = await secrets.open(anna.businessId, anna.userId, ["text", "bytes"]);
  expect([...(values.get("bytes") ?? [])]).toEqual([...everyByte]);
  expect(Buffer.from(values.get("text") ?? []).toString()).toBe("Grüße\n");
});

test("the value is overwritten in memory once it is set, or refused", async () => {
  const anna = await member("owner");
  const value = Buffer.from("hunter2");
  await secrets.set(anna, "token", value);
  expect([...value]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  const refused = Buffer.from("hunter2");
  await expect(secrets.set(await member("member"), "token", refused)).rejects.toThrow();
  expect([...refused]).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

test("the same value is stored differently every time", async () => {
  const anna = await member("owner");
  for (const name of ["a", "b", "c"]) await secrets.set(anna, name, Buffer.from("same"));
  const stored = await stores.secrets.find(anna.businessId, ["a", "b", "c"], Date.now());
  expect(new Set(stored.map(({ sealed }) => Buffer.from(sealed).toString("hex"))).size).toBe(3);
});

test("a value that was moved to another name, or changed, in the store is not handed out", async () => {
  const anna = await member("owner");
  await secrets.set(anna, "a", Buffer.from("value of a"));
  const [stored] = await stores.secrets.find(anna.businessId, ["a"], Date.now());
  const key = await stores.secrets.dataKey(anna.businessId);
  if (!stored || !key) throw new Error("The secret is missing");
  const put = (name: string, sealed: Uint8Array) =>
    stores.secrets.set({
      ...stored,
      name,
      sealed,
      keyId: key.keyId,
      userId: anna.userId,
      nowMs: 0,
      maxSecrets: 9,
    });
  await put("b", stored.sealed);
  await put("c", stored.sealed.with(20, (stored.sealed[20] ?? 0) ^ 1));
  await put("d", new Uint8Array(3));
  for (const name of ["b", "c", "d"]) {
    const opening = secrets.open(anna.businessId, anna.userId, [name]);
    await expect(opening).rejects.toThrow(`Secret ${name} cannot be decrypted`);
  }
});

test("owners and admins set and delete, members use, and nobody else does anything", async () => {
  const [anna, ben, cleo] = [await member("owner"), await member("admin"), await member("member")];
  const stranger = { businessId: anna.businessId, userId: newId("usr") };
  for (const one of [anna, ben]) {
    expect((await secrets.set(one, "token", Buffer.from("x"))).userId).toBe(one.userId);
    await secrets.set(one, `of-${one.userId}`, Buffer.from("x"));
    expect(await secrets.remove(one, [`of-${one.userId}`])).toHaveLength(1);
  }
  for (const one of [cleo, stranger]) {
    const said = /let you set or delete its secrets. An owner or admin can/;
    await expect(secrets.set(one, "token", Buffer.from("x"))).rejects.toThrow(said);
    await expect(secrets.remove(one, ["token"])).rejects.toThrow(said);
  }
  for (const one of [anna, ben, cleo]) {
    expect(await secrets.list(one, undefined, 10)).toHaveLength(1);
    expect((await secrets.open(one.businessId, one.userId, ["token"])).size).toBe(1);
    expect(await secrets.mayUse(one.businessId, one.userId)).toBe(true);
  }
  await expect(secrets.list(stranger, undefined, 10)).rejects.toThrow("does not let you use");
  expect(await secrets.mayUse(stranger.businessId, stranger.userId)).toBe(false);
  await expect(secrets.open(stranger.businessId, stranger.userId, ["token"])).rejects.toThrow("may not use");
});

test("somebody whose name is the id of a member gets none of that member's rights", async () => {
  const anna = await member("owner");
  const businessName = "shop";
  const left = newId("usr");
  const session = { sessionId: newId("ses"), userName: left, businessName, role: "owner" as const, nowMs: 0 };
  await stores.sessions.create(session);
  expect(await secrets.mayUse(anna.businessId, left)).toBe(false);
});

test("names without a secret are found before a job waits for them", async () => {
  const anna = await member("owner");
  await secrets.set(anna, "a", Buffer.from("x"));
  expect(await secrets.missing(anna.businessId, ["b", "a", "c"])).toEqual(["b", "c"]);
  expect(await secrets.missing(newId("biz"), ["a"])).toEqual(["a"]);
  await expect(secrets.open(anna.businessId, anna.userId, ["a", "b"])).rejects.toThrow(
    "There is no secret b",
  );
});

test("an empty value, one that is too large and one secret too many are refused", async () => {
  const anna = await member("owner");
  await expect(secrets.set(anna, "a", new Uint8Array())).rejects.toThrow("is empty");
  await expect(secrets.set(anna, "a", new Uint8Array(MAX_SECRET_BYTES + 1))).rejects.toThrow("than 64 KiB");
  await secrets.set(anna, "a", new Uint8Array(MAX_SECRET_BYTES));
  for (let i = 1; i < MAX_SECRETS; i++) await secrets.set(anna, `s${i}`, Buffer.from("x"));
  await expect(secrets.set(anna, "more", Buffer.from("x"))).rejects.toThrow("which is the most");
  expect((await secrets.set(anna, "a", Buffer.from("x"))).version).toBe(2);
});

test("without a key file nothing is stored, and the message says what to do", async () => {
  const anna = await member("owner");
  masters = [];
  await expect(secrets.set(anna, "a", Buffer.from("x"))).rejects.toThrow(/no key file.*--secret-key-file/);
  expect(await stores.secrets.dataKey(anna.businessId)).toBeUndefined();
});

test("with another key file nothing opens or is set, and after the secrets are deleted it starts afresh", async () => {
  const anna = await member("owner");
  await secrets.set(anna, "a", Buffer.from("x"));
  masters = [2];
  const [, other] = serverWith(new Seal(() => ({ keys: [new Uint8Array(32).fill(2)] })));
  const open = (service: SecretService) => service.open(anna.businessId, anna.userId, ["a"]);
  await expect(open(other)).rejects.toThrow("does not open the secrets");
  await expect(other.set(anna, "b", Buffer.from("x"))).rejects.toThrow("does not open the secrets");
  expect(await other.list(anna, undefined, 10)).toHaveLength(1);
  await other.remove(anna, ["a"], { ...IN_TRASH, userId: anna.userId });
  const [, none] = serverWith(new Seal(() => ({ keys: [] })));
  await expect(none.set(anna, "a", Buffer.from("x"))).rejects.toThrow("no key file");
  expect(await stores.trash.list(anna.businessId, undefined, 10)).toHaveLength(1);
  await other.set(anna, "a", Buffer.from("new"));
  expect(Buffer.from((await open(other)).get("a") ?? []).toString()).toBe("new");
  expect(await stores.trash.list(anna.businessId, undefined, 10)).toEqual([]);
});

test("a server notices that its key file was rotated, without a restart", async () => {
  const anna = await member("owner");
  await secrets.set(anna, "a", Buffer.from("x"));
  // Another server read the rotated file before this one.
  const [others, other] = serverWith(
    new Seal(() => ({ keys: [2, 1].map((n) => new Uint8Array(32).fill(n)) })),
  );
  expect(await others.rewrapAll()).toEqual({ dataKeys: 1, unopened: 0 });
  expect(await others.rewrapAll()).toEqual({ dataKeys: 1, unopened: 0 });
  masters = [2, 1];
  expect((await secrets.open(anna.businessId, anna.userId, ["a"])).size).toBe(1);
  masters = [2];
  const ben = await member("owner", "lab");
  await secrets.set(ben, "b", Buffer.from("y"));
  expect(await keys.rewrapAll()).toEqual({ dataKeys: 2, unopened: 0 });
  expect((await other.open(ben.businessId, ben.userId, ["b"])).size).toBe(1);
});

function serverWith(seal: Seal): [DataKeys, SecretService] {
  const keys = new DataKeys(stores.secrets, seal);
  const { secrets, sessions } = stores;
  return [keys, new SecretService({ secrets, keys, sessions, now: () => 1_000 })];
}

async function member(role: Role, businessName = "shop") {
  const session = { sessionId: newId("ses"), userName: `user-${newId("usr")}`, businessName, role, nowMs: 0 };
  const { businessId, userId } = await stores.sessions.create(session);
  return { businessId, userId };
}
