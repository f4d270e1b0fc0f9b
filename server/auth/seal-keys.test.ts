import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { openStores } from "../compose/open-stores.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tanvrit-seal-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const settings = (secretKeyFile?: string) => ({ store: "sqlite", dataDir, secretKeyFile });

async function secretBy(secretKeyFile?: string, warnings: string[] = []): Promise<Buffer> {
  const stores = await openStores(settings(secretKeyFile), (message) => warnings.push(message));
  try {
    return Buffer.from(await stores.sessions.secret("access-token"));
  } finally {
    await stores.close();
  }
}

/** The files of the data directory that contain these bytes. */
const filesWith = (bytes: Buffer) =>
  readdirSync(dataDir).filter((name) => readFileSync(join(dataDir, name)).includes(bytes));

test("a secret that an older release stored unencrypted is removed from every file of the data directory", async () => {
  const older = openSqliteStores(dataDir);
  const secret = Buffer.from(await older.sessions.secret("access-token"));
  expect(filesWith(secret)).not.toEqual([]);
  await older.close();
  const stores = await openStores(settings());
  expect(Buffer.from(await stores.sessions.secret("access-token"))).toEqual(secret);
  expect(filesWith(secret)).toEqual([]);
  await stores.close();
  expect(filesWith(secret)).toEqual([]);
  expect(statSync(join(dataDir, "secret.key")).mode & 0o777).toBe(0o600);
});

test("a store without its key file makes new secrets, and warns what that means", async () => {
  const secret = await secretBy();
  rmSync(join(dataDir, "secret.key"));
  const warnings: string[] = [];
  expect(await secretBy(undefined, warnings)).not.toEqual(secret);
  expect(warnings).toEqual([expect.stringContaining("everybody must sign in again")]);
  expect(await secretBy(undefined, warnings)).not.toEqual(secret);
  expect(warnings).toHaveLength(1);
});

test("a given key file takes over from the one in the data directory, and is required from then on", async () => {
  const secret = await secretBy();
  const named = join(dataDir, "named");
  writeFileSync(named, "a key that is long enough for anybody\n");
  expect(await secretBy(named)).toEqual(secret);
  rmSync(join(dataDir, "secret.key"));
  expect(await secretBy(named)).toEqual(secret);
  writeFileSync(named, "another key that is long enough for anybody\n");
  await expect(secretBy(named)).rejects.toThrow("does not open them");
});

test("a key file that is missing or too short is rejected", async () => {
  await expect(secretBy(join(dataDir, "nowhere"))).rejects.toThrow("does not exist");
  writeFileSync(join(dataDir, "short"), "secret\n");
  await expect(secretBy(join(dataDir, "short"))).rejects.toThrow("has 6 characters");
});

test("opening a store without reading a secret makes no key file", async () => {
  await (await openStores(settings())).close();
  expect(readdirSync(dataDir)).not.toContain("secret.key");
});
