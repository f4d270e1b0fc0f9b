import { afterAll, beforeAll, expect, test } from "bun:test";
import { runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { runInTerminal } from "../support/terminal.ts";

const FIRST = "a quiet green morning";
const SECOND = "another green evening";

let server: TestServer;
let home: Scratch;
let env: Record<string, string>;

beforeAll(async () => {
  [server, home] = await Promise.all([TestServer.start(), makeScratch()]);
  env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: (await server.api.signIn("local", "anna")).accessToken };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const set = (stdin: string, ...args: string[]) =>
  runProgram(home.path, ["auth", "password", ...args], { env, stdin });

test("the first password needs an address and nothing else, and the next one needs the password before it", async () => {
  const noAddress = await set(`${FIRST}\n`);
  expect(noAddress).toMatchObject({ exitCode: 65, stdout: "" });
  expect(noAddress.stderr).toContain("Add --email ADDRESS");
  const first = await set(`${FIRST}\n`, "--email", "Anna@Example.org");
  expect(first).toMatchObject({
    exitCode: 0,
    stderr: "The password of anna is set. Sign in as anna@example.org.\n",
  });
  const wrong = await set(`not it at all\n${SECOND}\n`);
  expect(wrong.exitCode).not.toBe(0);
  expect(wrong.stderr).toContain("The current password is wrong.");
  expect((await set(`${FIRST}\n`)).stderr).toContain("standard input has no line for: New password");
  const second = await set(`${FIRST}\n${SECOND}\n`, "--json");
  expect(JSON.parse(second.stdout)).toEqual({ user: "anna", email: "anna@example.org" });
  const weak = await set(`${SECOND}\nshort\n`);
  expect(weak.stderr).toContain("needs at least 10 characters");
});

test("a terminal shows nothing of a password, which is asked for twice", async () => {
  const other = (await server.api.signIn("local", "ben")).accessToken;
  const { exitCode, shown } = await runInTerminal(
    home.path,
    ["auth", "password", "--email", "ben@example.org"],
    {
      columns: 100,
      env: { ...env, TANVRIT_TOKEN: other },
      typed: [
        { after: "New password (not shown): ", keys: `${FIRST}\r` },
        { after: "New password, again (not shown): ", keys: `${FIRST}\r` },
      ],
    },
  );
  expect(shown).not.toContain(FIRST);
  expect({ exitCode, shown }).toMatchObject({ exitCode: 0 });
});
