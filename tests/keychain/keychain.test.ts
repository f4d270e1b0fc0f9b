import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredSession } from "../../cmd/credentials/store.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestKeychain } from "../support/keychain.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

/** A command that waits for a keychain must end within this time. It waits 2 s for the keychain, the rest is room. */
const HUNG_LIMIT_MS = 8_000;

/** Asks from two stores, as a command may, and then until there is an answer. */
const ASK_TWICE = `
  const { KeychainStore } = await import("../../cmd/credentials/keychain.ts");
  const ask = async () => {
    const begun = performance.now();
    const why = await new KeychainStore(process.env).read("local").then(() => "answered", (error) => error.message);
    return { why, ms: performance.now() - begun };
  };
  console.log(JSON.stringify([await ask(), await ask()]));
  while ((await ask()).why !== "answered") await Bun.sleep(50);
  console.log("answered");
`;

const server = forAllTests(await TestServer.start());
let keychain: TestKeychain;
beforeEach(async () => {
  keychain = await TestKeychain.start();
});
afterEach(async () => {
  await keychain[Symbol.asyncDispose]();
});

const signIn = () => Person.signIn(server, "local", keychain.env);
const login = (...more: string[]) => ["auth", "login", "--workspace", "local", "--url", server.url, ...more];

async function onlyName(): Promise<string> {
  const names = await keychain.names();
  expect(names).toHaveLength(1);
  return names[0] ?? "";
}

/** The files below a home that contain one of the session's tokens. */
async function filesWithTokens(home: string, session: Required<StoredSession>): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(paths.map((path) => readFile(path, "latin1")));
  return paths.filter((_, i) =>
    [session.accessToken, session.refreshToken].some((token) => texts[i]?.includes(token)),
  );
}

test("auth login chooses the keychain by itself: the tokens are in the keychain and in no file", async () => {
  await using person = await signIn();
  const session = keychain.session(await onlyName());
  expect(session).toMatchObject({ url: server.url, identity: { businessName: "local" } });
  expect(await person.get(["auth", "print-token"])).toBe(session.accessToken);
  expect(await person.get(["auth", "status"])).toContain("the keychain (service com.tanvrit.compute.cli)");
  expect(await filesWithTokens(person.home.path, session)).toEqual([]);
});

test("in the default home the entry has the workspace's name", async () => {
  await using person = await Person.stranger({ ...keychain.env, TANVRIT_HOME: "" });
  const env = { HOME: person.home.path };
  expect((await person.run(login(), { env })).exitCode).toBe(0);
  expect(await keychain.names()).toEqual(["local"]);
  expect(await filesWithTokens(person.home.path, keychain.session("local"))).toEqual([]);
});

test("a renewed session replaces the entry", async () => {
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

test("two homes have separate entries: signing in or out of one does not affect the other", async () => {
  await using anna = await Person.signIn(server, "annas", keychain.env);
  await using ben = await Person.signIn(server, "bens", keychain.env);
  expect(new Set(await keychain.names()).size).toBe(2);
  expect(JSON.parse(await anna.get(["auth", "status", "--json"]))).toMatchObject({ business: "annas" });
  expect((await anna.run(["auth", "logout"])).exitCode).toBe(0);
  expect(JSON.parse(await ben.get(["auth", "status", "--json"]))).toMatchObject({ business: "bens" });
  expect(keychain.session(await onlyName())).toMatchObject({ identity: { businessName: "bens" } });
});

test("an agent reads its session from the keychain, and its jobs learn nothing about the keychain", async () => {
  await using person = await signIn();
  await person.startAgent();
  const seenByJob = await person.get(["job", "run", "--", "sh", "-c", "env"]);
  expect(seenByJob).toContain("TANVRIT_JOB_ID=");
  expect(seenByJob).not.toContain("DBUS_SESSION_BUS_ADDRESS");
  expect(await filesWithTokens(person.home.path, keychain.session(await onlyName()))).toEqual([]);
});

test("auth logout removes the entry, and the next command says that nobody is signed in", async () => {
  await using person = await signIn();
  const out = await person.run(["auth", "logout"]);
  expect(out).toMatchObject({ exitCode: 0, stderr: "Signed out of workspace local.\n" });
  expect(await keychain.names()).toEqual([]);
  expect((await person.run(["node", "list"])).exitCode).toBe(77);
});

test("a sign-in that stores its tokens elsewhere removes the old ones", async () => {
  await using person = await signIn();
  const credentials = join(person.home.path, "credentials");
  expect((await person.run(login("--credential-store", "file"))).exitCode).toBe(0);
  expect(await keychain.names()).toEqual([]);
  expect(await readdir(credentials)).toEqual(["local.json"]);
  expect((await person.run(login())).exitCode).toBe(0);
  await onlyName();
  expect(await readdir(credentials)).toEqual([]);
});

test("with a keychain that never answers every command ends in time and says what to do", async () => {
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

test("a process waits once for a keychain that does not answer, and asks again when it has answered", async () => {
  await using person = await signIn();
  keychain.hang();
  const asking = Bun.spawn([process.execPath, "-e", ASK_TWICE], {
    cwd: import.meta.dir,
    env: { ...process.env, ...keychain.env, TANVRIT_HOME: person.home.path },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = asking.stdout.getReader();
  const said = async () => Buffer.from((await reader.read()).value ?? []).toString();
  const why = "the keychain cannot be used: no answer within 2 s";
  const [first, second] = JSON.parse(await said());
  expect([first.why, second.why]).toEqual([why, why]);
  expect(second.ms).toBeLessThan(1_000);
  keychain.goOn();
  expect(await said()).toBe("answered\n");
  expect(await asking.exited).toBe(0);
});

test("if the keychain does not answer, auth login uses a file instead and says so", async () => {
  await using person = await Person.stranger(keychain.env);
  keychain.hang();
  const { exitCode, stderr } = await person.run(login(), { timeoutMs: HUNG_LIMIT_MS });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("the keychain cannot be used: no answer within 2 s. The tokens go to a file");
  expect(await readdir(join(person.home.path, "credentials"))).toEqual(["local.json"]);
  await person.get(["node", "list"]);
});

test("a locked keychain is not treated as empty: no command says that nobody is signed in, and nothing is lost", async () => {
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
});

test("without any keychain a file is used, and the program says so", async () => {
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
