import { afterEach, beforeEach, expect, test } from "bun:test";
import { MAX_SECRET_BYTES } from "../../shared/secret.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { runInTerminal } from "../support/terminal.ts";
import { ScriptedServer } from "./scripted-server.ts";

const FACTS = { name: "token", version: 3, createdAt: "", updatedAt: "", updatedBy: "anna" };
const VALUE = "hunter2-hunter2";

let home: Scratch;
let server: ScriptedServer;
let env: Record<string, string>;
/** The values that the server got, as text. */
let received: string[];

beforeEach(async () => {
  received = [];
  home = await makeScratch();
  server = new ScriptedServer(async (_, request) => {
    const { valueBase64 } = (await request.json()) as { valueBase64: string };
    received.push(Buffer.from(valueBase64, "base64").toString("latin1"));
    return Response.json(FACTS);
  });
  env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
});
afterEach(async () => {
  server[Symbol.dispose]();
  await home[Symbol.asyncDispose]();
});

const set = (args: string[], stdin?: string | Uint8Array<ArrayBuffer>) =>
  runProgram(home.path, ["secret", "set", ...args], { env, stdin });

test("a value from a pipe loses one newline at its end, and a value from a file none", async () => {
  const values = [VALUE, `${VALUE}\n`, `${VALUE}\r\n`, `${VALUE}\n\n`, "\n\n", "a\nb\n", " a "];
  for (const value of values) expect((await set(["token"], value)).exitCode).toBe(0);
  expect(received).toEqual([VALUE, VALUE, VALUE, `${VALUE}\n`, "\n", "a\nb", " a "]);
  received = [];
  await Bun.write(home.join("file"), `${VALUE}\n`);
  expect((await set(["token", "--from-file", "file"])).exitCode).toBe(0);
  expect((await set(["token", "--from-file", "-"], `${VALUE}\r\n`)).exitCode).toBe(0);
  expect(received).toEqual([`${VALUE}\n`, `${VALUE}\r\n`]);
});

test("any bytes arrive as they are, up to 64 KiB", async () => {
  const bytes = Uint8Array.from({ length: MAX_SECRET_BYTES }, (_, i) => i % 256);
  const { exitCode, stderr } = await set(["token"], bytes);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: "Secret token is set: version 3, 65536 bytes.\n",
  });
  expect(received).toEqual([Buffer.from(bytes).toString("latin1")]);
  const larger = await set(["token"], new Uint8Array(MAX_SECRET_BYTES + 1).fill(65));
  expect(larger).toMatchObject({ exitCode: 65, stdout: "" });
  expect(larger.stderr).toContain("<stdin> is larger than 65536 bytes");
});

test("an empty value is refused", async () => {
  await Bun.write(home.join("empty"), "");
  for (const [args, stdin] of [
    [["token"], ""],
    [["token"], "\n"],
    [["token", "--from-file", "empty"], ""],
  ] as const) {
    const refused = await set([...args], stdin);
    expect(refused).toMatchObject({ exitCode: 65, stdout: "" });
    expect(refused.stderr).toContain("is empty");
  }
  expect(received).toEqual([]);
});

test("a value on the command line is refused with the reason, and is not shown again", async () => {
  for (const args of [
    ["token", VALUE],
    [`token=${VALUE}`],
    ["token", `--${VALUE}`],
    ["token", "--", VALUE],
    ["token", "--value", VALUE],
    [`${VALUE} `],
  ]) {
    const refused = await set(args, "from stdin");
    expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
    expect(refused.stderr).not.toContain("hunter2");
    if (args[0] !== `${VALUE} `) expect(refused.stderr).toContain("the shell's history");
  }
  expect(received).toEqual([]);
});

test("the facts are printed as JSON, without the value", async () => {
  const { stdout, stderr } = await set(["token", "--json"], VALUE);
  expect(JSON.parse(stdout)).toEqual(FACTS);
  expect(stderr).toBe("");
});

const type = (keys: string) =>
  runInTerminal(home.path, ["secret", "set", "token"], {
    columns: 80,
    env,
    typed: { after: "(not shown): ", keys },
  });

test("a terminal asks, shows nothing of what is typed, and echoes again afterwards", async () => {
  const run = await type(`${VALUE}\r`);
  expect(run).toMatchObject({ exitCode: 0, echoes: true });
  expect(run.shown).toBe("Value of token (not shown): \nSecret token is set: version 3, 15 bytes.\n");
  expect(await type(`wrong\x15ü\x7fright\x7f\x7f\r`)).toMatchObject({ exitCode: 0, echoes: true });
  expect(received).toEqual([VALUE, "rig"]);
});

test("Ctrl-C at the question ends the command by SIGINT and leaves the terminal as it was", async () => {
  for (const keys of ["\x03", `${VALUE}\x03`]) {
    const run = await type(keys);
    expect(run).toMatchObject({ signal: "SIGINT", echoes: true });
    expect(run.shown).toBe("Value of token (not shown): \n");
  }
  expect(received).toEqual([]);
});

test("several pasted lines, a key that is no character and an empty line are refused", async () => {
  for (const [keys, said] of [
    [`-----BEGIN\n${VALUE}\n`, "more than one line was pasted"],
    [`${VALUE}\x1b[A\r`, "a key that is no character"],
    ["\r", "is empty"],
    ["\x04", "is empty"],
  ] as const) {
    const run = await type(keys);
    expect(run).toMatchObject({ exitCode: 65, echoes: true });
    expect(run.shown).toContain(said);
    expect(run.shown).not.toContain("hunter2");
  }
  expect(received).toEqual([]);
});
