import { expect, test } from "bun:test";
import {
  chownSync,
  copyFileSync,
  lstatSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { Person } from "../support/person.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const VALUE = "correct-horse-battery-staple";
const KILLS = 12;

test("the key of a running server is replaced: everybody stays signed in, and the old key opens nothing", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const dataDir = server.scratch.join("data");
  const keyFile = `${dataDir}/secret.key`;
  await person.get(["secret", "set", "token"], { stdin: VALUE });
  const check = () => person.run(["server", "check", "--data-dir", dataDir]);
  const before = readFileSync(keyFile, "utf8");

  const rotated = await person.run(["server", "rotate-secret-key", "--data-dir", dataDir]);
  expect(rotated).toMatchObject({ exitCode: 0, stdout: "" });
  expect(rotated.stderr).toBe(
    `The key in ${keyFile} is new. It encrypts the keys that sign tokens and 1 data key of secrets.\n`,
  );
  const after = readFileSync(keyFile, "utf8");
  expect(after).toMatch(/^[\w-]{43}\n$/);
  expect(after).not.toBe(before);
  await person.get(["secret", "set", "other"], { stdin: VALUE });
  const backup = server.scratch.join("backup");
  expect((await person.run(["server", "backup", backup, "--data-dir", dataDir])).exitCode).toBe(0);
  expect((await person.run(["server", "check", "--data-dir", backup])).stdout).toContain("2 secrets");

  await server.stop();
  expect(await check()).toMatchObject({ exitCode: 0 });
  writeFileSync(keyFile, before);
  const old = await check();
  expect(old).toMatchObject({ exitCode: 1 });
  expect(old.stdout).toMatch(
    /BROKEN {2}the key file opens every secret\n.*\/other: the key file does not open/,
  );
  writeFileSync(keyFile, after);
  await server.startAgain();
  expect(await person.get(["secret", "list", "--json"])).toContain('"name":"token","version":1');
});

test("a rotation that is killed anywhere leaves a store that opens, and the next call completes it", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const dataDir = server.scratch.join("data");
  await person.get(["secret", "set", "token"], { stdin: VALUE });
  await server.stop();
  const args = ["server", "rotate-secret-key", "--data-dir", dataDir];
  const startMs = performance.now();
  expect((await runProgram(person.home.path, args)).exitCode).toBe(0);
  const wholeMs = performance.now() - startMs;
  for (let i = 0; i < KILLS; i++) {
    await using running = new Running(person.home.path, args);
    await Bun.sleep((wholeMs * (i + 1)) / KILLS);
    await running.stop("SIGKILL");
    const check = await person.run(["server", "check", "--data-dir", dataDir]);
    expect({ i, ...check }).toMatchObject({ exitCode: 0, stderr: "" });
  }
  expect((await runProgram(person.home.path, args)).exitCode).toBe(0);
  expect(readFileSync(`${dataDir}/secret.key`, "utf8")).toMatch(/^[\w-]{43}\n$/);
  await server.startAgain();
  expect(await person.get(["secret", "list"])).toContain("token");
});

test("a rotation that cannot work changes nothing and says why", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  await using other = await makeScratch();
  const dataDir = server.scratch.join("data");
  const rotate = (...args: string[]) => person.run(["server", "rotate-secret-key", ...args]);

  const nowhere = await rotate("--data-dir", other.join("none"));
  expect(nowhere).toMatchObject({ exitCode: 66 });
  expect(nowhere.stderr).toContain("there is no key file");
  const named = other.join("named");
  writeFileSync(named, "another key that is long enough for anybody\n");
  const wrong = await rotate("--data-dir", dataDir, "--secret-key-file", named);
  expect(wrong).toMatchObject({ exitCode: 78 });
  expect(wrong.stderr).toContain(`it uses ${dataDir}/secret.key`);
  expect(readFileSync(named, "utf8")).toBe("another key that is long enough for anybody\n");
  const mongo = await rotate("--store", "mongodb://127.0.0.1:1/none");
  expect(mongo).toMatchObject({ exitCode: 64 });
  expect(mongo.stderr).toContain("--secret-key-file is missing");
});

test("a key file behind a link is rotated where it is, and one of another account is left alone", async () => {
  await using scratch = await makeScratch();
  const key = "a key that is long enough for anybody\n";
  const link = scratch.join("link");
  writeFileSync(scratch.join("file"), key);
  symlinkSync(scratch.join("file"), link);
  const env = { TANVRIT_SECRET_KEY_FILE: link };
  await using server = await TestServer.start(env);
  const args = ["server", "rotate-secret-key", "--data-dir", server.scratch.join("data")];
  expect(await runProgram(scratch.path, args, { env })).toMatchObject({ exitCode: 0 });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(scratch.join("file"), "utf8")).toMatch(/^[\w-]{43}\n$/);
  if (process.getuid?.() !== 0) return;
  chownSync(scratch.join("file"), 12_345, 12_345);
  const refused = await runProgram(scratch.path, args, { env });
  expect(refused).toMatchObject({ exitCode: 78 });
  expect(refused.stderr).toContain(
    "belongs to another account. Run this as the account that runs the server",
  );
});

test("a key file that takes over from the one in the data directory is enough for the secrets too", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const dataDir = server.scratch.join("data");
  await person.get(["secret", "set", "token"], { stdin: VALUE });
  await server.stop();
  const named = server.scratch.join("named");
  writeFileSync(named, "a key that is long enough for anybody\n");
  await server.startAgain({ TANVRIT_SECRET_KEY_FILE: named });
  await server.stop();
  copyFileSync(`${dataDir}/secret.key`, server.scratch.join("aside"));
  rmSync(`${dataDir}/secret.key`);
  const check = await person.run(["server", "check", "--data-dir", dataDir, "--secret-key-file", named]);
  expect(check).toMatchObject({ exitCode: 0 });
  expect(check.stdout).toContain("holds   the key file opens every secret");
});

test("a server that lost its key file says so, and secrets can be set again after they were deleted", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const dataDir = server.scratch.join("data");
  await person.get(["secret", "set", "token"], { stdin: VALUE });
  await server.stop();
  rmSync(`${dataDir}/secret.key`);
  await server.startAgain();
  await waitFor("the warning", () =>
    server.stderr.includes("does not open the secrets of some businesses (1)"),
  );
  await person.get(["auth", "login", "--workspace", "local", "--url", server.url]);
  const refused = await person.run(["secret", "set", "token"], { stdin: VALUE });
  expect(refused).toMatchObject({ exitCode: 65 });
  expect(refused.stderr).toContain("delete all secrets of the business and set them again");
  expect(refused.stderr).toContain("Those in the trash are then gone for good");
  await person.get(["secret", "delete", "token"]);
  expect(JSON.parse(await person.get(["trash", "list", "--json"]))).toMatchObject([{ kind: "secrets" }]);
  await person.get(["secret", "set", "token"], { stdin: VALUE });
  expect(JSON.parse(await person.get(["trash", "list", "--json"]))).toEqual([]);
  await server.stop();
  const check = await person.run(["server", "check", "--data-dir", dataDir]);
  expect(check.stdout).toContain("holds   the key file opens every secret");
});
