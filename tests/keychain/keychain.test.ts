import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredSession } from "../../cmd/credentials/store.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestKeychain } from "../support/keychain.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

/** A command that waits for a keychain ends within this; the limit of one question is 2 s. */
const HUNG_LIMIT_MS = 8_000;

const server = forAllTests(await TestServer.start());
let keychain: TestKeychain;
beforeEach(async () => {
  keychain = await TestKeychain.start();
});
afterEach(async () => {
  await keychain[Symbol.asyncDispose]();
});

/** Runs `body`; each takes seconds at most, whatever the keychain does. */
function rule(name: string, body: () => Promise<void>): void {
  test(name, body);
}

const signIn = () => Person.signIn(server, "local", keychain.env);
const login = (...more: string[]) => ["auth", "login", "--workspace", "local", "--url", server.url, ...more];

async function onlyName(): Promise<string> {
  const names = await keychain.names();
  expect(names).toHaveLength(1);
  return names[0] ?? "";
}

/** The files below a home that hold one of the session's tokens. */
async function filesWithTokens(home: string, session: StoredSession): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(paths.map((path) => readFile(path, "latin1")));
  return paths.filter((_, i) =>
    [session.accessToken, session.refreshToken].some((token) => texts[i]?.includes(token)),
  );
}

rule("auth login chooses the keychain by itself: the tokens are there and in no file", async () => {
  await using person = await signIn();
  const session = keychain.session(await onlyName());
  expect(session).toMatchObject({ url: server.url, identity: { businessName: "local" } });
  expect(await person.get(["auth", "print-token"])).toBe(session.accessToken);
  expect(await person.get(["auth", "status"])).toContain("the keychain (service com.tanvrit.compute.cli)");
  expect(await filesWithTokens(person.home.path, session)).toEqual([]);
});

rule("in the usual home the entry has the workspace's name", async () => {
  await using person = await Person.stranger({ ...keychain.env, TANVRIT_HOME: "" });
  const env = { HOME: person.home.path };
  expect((await person.run(login(), { env })).exitCode).toBe(0);
  expect(await keychain.names()).toEqual(["local"]);
  expect(await filesWithTokens(person.home.path, keychain.session("local"))).toEqual([]);
});

rule("a renewed session replaces the entry", async () => {
  await using person = await signIn();
  const name = await onlyName();
  const before = keychain.session(name);
  keychain.replace(name, { ...before, accessTokenExpiresAt: new Date(0).toISOString() });
  const token = await person.get(["auth", "print-token"]);
  const after = keychain.session(await onlyName());
  expect(after.accessToken).toBe(token);
  expect(after.refreshToken).not.toBe(before.refreshToken);
  expect(Date.parse(after.accessTokenExpiresAt)).toBeGreaterThan(Date.now());
  expect(await filesWithTokens(person.home.path, after)).toEqual([]);
});

rule("two homes have entries of their own: signing in or out of one leaves the other", async () => {
  await using anna = await Person.signIn(server, "annas", keychain.env);
  await using ben = await Person.signIn(server, "bens", keychain.env);
  expect(new Set(await keychain.names()).size).toBe(2);
  expect(JSON.parse(await anna.get(["auth", "status", "--json"]))).toMatchObject({ business: "annas" });
  expect((await anna.run(["auth", "logout"])).exitCode).toBe(0);
  expect(JSON.parse(await ben.get(["auth", "status", "--json"]))).toMatchObject({ business: "bens" });
  expect(keychain.session(await onlyName())).toMatchObject({ identity: { businessName: "bens" } });
});

rule("an agent reads its session from the keychain, and its jobs are not told of the keychain", async () => {
  await using person = await signIn();
  await person.startAgent();
  const seenByJob = await person.get(["job", "run", "--", "sh", "-c", "env"]);
  expect(seenByJob).toContain("TANVRIT_JOB_ID=");
  expect(seenByJob).not.toContain("DBUS_SESSION_BUS_ADDRESS");
  expect(await filesWithTokens(person.home.path, keychain.session(await onlyName()))).toEqual([]);
});

rule("auth logout removes the entry, and the next command says that nobody is signed in", async () => {
  await using person = await signIn();
  const out = await person.run(["auth", "logout"]);
  expect(out).toMatchObject({ exitCode: 0, stderr: "Signed out of workspace local.\n" });
  expect(await keychain.names()).toEqual([]);
  expect((await person.run(["node", "list"])).exitCode).toBe(77);
});

rule("a sign-in that keeps its tokens elsewhere leaves none where they were before", async () => {
  await using person = await signIn();
  const credentials = join(person.home.path, "credentials");
  expect((await person.run(login("--credential-store", "file"))).exitCode).toBe(0);
  expect(await keychain.names()).toEqual([]);
  expect(await readdir(credentials)).toEqual(["local.json"]);
  expect((await person.run(login())).exitCode).toBe(0);
  await onlyName();
  expect(await readdir(credentials)).toEqual([]);
});

rule("a keychain that never answers ends every command in time, with what to do", async () => {
  await using person = await signIn();
  keychain.hang();
  const asked = login("--credential-store", "keychain");
  const commands = [["node", "list"], ["auth", "status"], ["auth", "logout"], ["agent", "run"], asked];
  const ends = await Promise.all(commands.map((args) => person.run(args, { timeoutMs: HUNG_LIMIT_MS })));
  for (const { exitCode, stderr } of ends) {
    expect(exitCode).toBe(78);
    expect(stderr).toContain(
      "the keychain cannot be used: no answer within 2 s. Unlock the keychain and try",
    );
    expect(stderr).toContain("auth login --credential-store file");
    expect(stderr).not.toContain("refuses");
  }
  keychain.goOn();
  await person.get(["node", "list"]);
});

rule("without an answer from the keychain, auth login goes on with a file and says so", async () => {
  await using person = await Person.stranger(keychain.env);
  keychain.hang();
  const { exitCode, stderr } = await person.run(login(), { timeoutMs: HUNG_LIMIT_MS });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("the keychain cannot be used: no answer within 2 s. The tokens go to a file");
  expect(await readdir(join(person.home.path, "credentials"))).toEqual(["local.json"]);
  await person.get(["node", "list"]);
});

rule(
  "a locked keychain is not an empty one: nobody is told to be signed out, and nothing is lost",
  async () => {
    await using person = await signIn();
    const name = await onlyName();
    await keychain.lock();
    for (const args of [
      ["node", "list"],
      ["auth", "logout"],
    ]) {
      const { exitCode, stderr } = await person.run(args, { timeoutMs: HUNG_LIMIT_MS });
      expect({ exitCode, stderr }).toEqual({
        exitCode: 78,
        stderr: expect.stringContaining("Unlock the keychain"),
      });
    }
    await keychain.unlock();
    await person.get(["node", "list"]);
    expect(await keychain.names()).toEqual([name]);
  },
);

rule("where there is no keychain at all, a file is used after saying so", async () => {
  const nowhere = { ...keychain.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
  await using person = await Person.stranger(nowhere);
  const { exitCode, stderr } = await person.run(login());
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringMatching(
      /the keychain cannot be used: .*\. The tokens go to a file in .*credentials/,
    ),
  });
});
