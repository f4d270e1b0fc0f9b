import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { openStores } from "../../server/compose/open-stores.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { DataKeys } from "../../server/secret/data-keys.ts";
import { SecretService } from "../../server/secret/secret-service.ts";
import { newId } from "../../shared/ids.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const mongo = forAllTests(await TestMongo.start());
const scratch = forAllTests(await makeScratch());

/** One of several servers, with a copy of the key file of its own. */
class KeyHolder implements AsyncDisposable {
  private constructor(
    readonly keyFile: string,
    private readonly stores: Stores,
    private readonly secrets: SecretService,
  ) {}

  static async start(store: string, keyFile: string): Promise<KeyHolder> {
    const stores = await openStores({ store, dataDir: scratch.path, secretKeyFile: keyFile });
    const { secrets, sessions, seal } = stores;
    const keys = new DataKeys(secrets, seal);
    await sessions.secret("access-token");
    await keys.rewrapAll();
    return new KeyHolder(
      keyFile,
      stores,
      new SecretService({ secrets, keys, sessions, now: () => Date.now() }),
    );
  }

  /** A member of a new business, with a secret that is called `token`. */
  async newBusiness(value: string) {
    const businessName = `business-${crypto.randomUUID()}`;
    const session = {
      sessionId: newId("ses"),
      userName: "anna",
      businessName,
      role: "owner",
      nowMs: 0,
    } as const;
    const by = await this.stores.sessions.create(session);
    await this.secrets.set(by, "token", Buffer.from(value));
    return { by, value };
  }

  async read({ businessId, userId }: { businessId: string; userId: string }): Promise<string> {
    const values = await this.secrets.open(businessId, userId, ["token"]);
    return Buffer.from(values.get("token") ?? []).toString();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stores.close();
  }
}

test("servers whose key files are a step apart read what each other writes, and restarts change nothing", async () => {
  const store = mongo.url("rotation");
  const file = scratch.join("secret.key");
  writeFileSync(file, "the first key, which is long enough\n");
  const copies = [scratch.join("a.key"), scratch.join("b.key")];
  for (const copy of copies) copyFileSync(file, copy);
  const [a, b] = [
    await KeyHolder.start(store, copies[0] ?? ""),
    await KeyHolder.start(store, copies[1] ?? ""),
  ];
  const servers = [a, b];
  const firstStep = scratch.join("first-step.key");
  const known: { by: { businessId: string; userId: string }; value: string }[] = [];
  let count = 0;
  const everybodyReadsAll = async () => {
    for (const server of servers) known.push(await server.newBusiness(`value ${count++}`));
    for (const { by, value } of known) {
      for (const server of servers) expect(await server.read(by)).toBe(value);
    }
  };
  const rotate = async () => {
    const args = ["server", "rotate-secret-key", "--store", store, "--secret-key-file", file, "--json"];
    const { exitCode, stdout, stderr } = await runProgram(scratch.path, args);
    if (exitCode !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as { step: number; done: boolean; dataKeys: number; unopened: number };
  };
  await everybodyReadsAll();
  for (const step of [1, 2, 3]) {
    expect(await rotate()).toMatchObject({ step, done: step === 3, dataKeys: known.length, unopened: 0 });
    if (step === 1) copyFileSync(file, firstStep);
    for (const server of servers) {
      await everybodyReadsAll();
      copyFileSync(file, server.keyFile);
      await everybodyReadsAll();
      // A server that starts again in the middle encrypts with the key that its file says.
      await using again = await KeyHolder.start(store, server.keyFile);
      for (const { by, value } of known) expect(await again.read(by)).toBe(value);
    }
  }
  expect(readFileSync(file, "utf8")).toMatch(/^[\w-]{43}\n$/);
  // A server that was forgotten and starts with the file of step 1 encrypts nothing again with the old key.
  await using late = await KeyHolder.start(store, firstStep);
  for (const { by, value } of known) {
    for (const server of [late, ...servers]) expect(await server.read(by)).toBe(value);
  }
  const check = ["server", "check", "--store", store];
  const whole = await runProgram(scratch.path, [...check, "--secret-key-file", file]);
  expect(whole).toMatchObject({ exitCode: 0 });
  expect(whole.stdout).toContain("holds   the key file opens every secret");
  const without = await runProgram(scratch.path, check);
  expect(without).toMatchObject({ exitCode: 0 });
  expect(without.stdout).toContain("not checked  the key file opens every secret");
  for (const server of servers) await server[Symbol.asyncDispose]();
});

test("a server on MongoDB without a key file takes no secret", async () => {
  const stores = await openStores({
    store: mongo.url("without"),
    dataDir: scratch.path,
    secretKeyFile: undefined,
  });
  const { secrets, sessions, seal } = stores;
  const keys = new DataKeys(secrets, seal);
  const service = new SecretService({ secrets, keys, sessions, now: () => 0 });
  const session = {
    sessionId: newId("ses"),
    userName: "a",
    businessName: "b",
    role: "owner",
    nowMs: 0,
  } as const;
  const by = await sessions.create(session);
  await expect(service.set(by, "token", Buffer.from("x"))).rejects.toThrow(/no key file.*--secret-key-file/);
  await stores.close();
});
