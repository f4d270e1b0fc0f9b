import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { program, programEnv, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const LIMIT_MS = 30_000;

/** Runs the program through a shell, which can write bytes that no JavaScript string holds. */
async function runByShell(home: string, line: string, env: Record<string, string> = {}) {
  const script = line.replaceAll(
    "PROGRAM",
    program()
      .map((word) => `'${word}'`)
      .join(" "),
  );
  const shell = Bun.spawn(["sh", "-c", script], {
    cwd: home,
    env: programEnv(home, { TANVRIT_URL: "http://127.0.0.1:1", ...env }),
    stdout: "pipe",
    stderr: "pipe",
    timeout: LIMIT_MS,
  });
  const [stderr, exitCode] = await Promise.all([new Response(shell.stderr).text(), shell.exited]);
  return { stderr, exitCode };
}

test("an argument that is not UTF-8 is refused with its position and its bytes", async () => {
  await using home = await makeScratch();
  const cases: [string, string][] = [
    [`job run -- cat "$(printf 'r\\351sum\\351')"`, "argument 5 is not UTF-8 text: $'r\\xe9sum\\xe9'."],
    [`job submit -e "F=$(printf '\\377')" -- true`, "argument 4 is not UTF-8 text: $'F=\\xff'."],
    [`job run --workdir "$(printf '/tmp/\\351')" -- '' true`, "argument 4 is not UTF-8 text: $'/tmp/\\xe9'."],
    [`job list --name "$(printf '\\355\\240\\200')"`, "argument 4 is not UTF-8 text: $'\\xed\\xa0\\x80'."],
  ];
  for (const [line, why] of cases) {
    const { stderr, exitCode } = await runByShell(home.path, `PROGRAM ${line}`);
    expect({ line, exitCode, stderr }).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(why) });
  }
});

test("the replacement character itself is an argument like any other", async () => {
  await using home = await makeScratch();
  const { exitCode, stderr } = await runByShell(home.path, "PROGRAM job run -- echo '\uFFFD' ''");
  // It gets as far as the server, which does not exist.
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 69 });
});

test("a variable or a working directory that is not UTF-8, and would name another place, is refused", async () => {
  await using home = await makeScratch();
  const variable = await runByShell(home.path, `TANVRIT_HOME="$(printf '/tmp/\\351')" PROGRAM job list`);
  expect(variable.exitCode).toBe(78);
  expect(variable.stderr).toContain("the variable TANVRIT_HOME is not UTF-8 text: $'/tmp/\\xe9'");
  await mkdir(home.join("data"));
  const line = `d="$(printf 'd\\351')"; mkdir "$d"; cd "$d"; PROGRAM server --data-dir data`;
  const directory = await runByShell(home.path, line);
  expect(directory.exitCode).toBe(78);
  expect(directory.stderr).toContain("d\\xe9'");
});

test("a file that is not UTF-8 is refused with the first line that is not", async () => {
  await using home = await makeScratch();
  const bytes = (text: string) => Buffer.from(text, "latin1");
  await Bun.write(home.join("job.yaml"), bytes('name: "\xef\xbf\xbd"\ncommand: caf\xe9\n'));
  await Bun.write(home.join("jobs.jsonl"), bytes('{"command":"a"}\n\n{"command":"caf\xe9"}\n'));
  const validate = await runProgram(home.path, ["job", "validate", home.join("job.yaml")]);
  expect(validate.exitCode).toBe(65);
  expect(validate.stderr).toContain("job.yaml:2:13: this is not UTF-8");
  const batch = await runProgram(home.path, ["job", "submit", "--batch", home.join("jobs.jsonl")]);
  expect(batch.exitCode).toBe(65);
  expect(batch.stderr).toContain("jobs.jsonl:3:1: the line is not UTF-8 text");
});
