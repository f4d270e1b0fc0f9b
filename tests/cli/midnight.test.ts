import { expect, test } from "bun:test";
import { exitCodes } from "../../cmd/exit/exit-codes.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { JOB_ID, problem, ScriptedServer } from "./scripted-server.ts";

/** Mistakes of a tired person, or of a script with an unset variable. The server accepts everything. */
async function atMidnight(args: string[], env: Record<string, string> = {}) {
  await using home = await makeScratch();
  using server = new ScriptedServer(() => Response.json({ jobId: JOB_ID }));
  return await runProgram(home.path, args, { env: { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t", ...env } });
}

test("an idempotency key that is empty or cannot be a header is refused before anything is submitted", async () => {
  for (const key of ["", "ключ", "a\nb", "x".repeat(256)]) {
    const run = await atMidnight(["job", "submit", "--idempotency-key", key, "--", "true"]);
    expect({ key, ...run }).toMatchObject({ key, exitCode: exitCodes.usage, stdout: "" });
    expect(run.stderr).toContain("--idempotency-key");
  }
  expect((await atMidnight(["job", "submit", "--idempotency-key", "a b/c", "--", "true"])).exitCode).toBe(0);
});

test("a TANVRIT_TOKEN that no server could accept is 77 and names the variable", async () => {
  for (const token of ["a\nb", "ключ"]) {
    const run = await atMidnight(["job", "get", JOB_ID], { TANVRIT_TOKEN: token });
    expect({ token, ...run }).toMatchObject({ token, exitCode: exitCodes.notAllowed, stdout: "" });
    expect(run.stderr).toContain("TANVRIT_TOKEN");
  }
  expect((await atMidnight(["job", "submit", "--", "true"], { TANVRIT_TOKEN: " t\n" })).exitCode).toBe(0);
});

test("a TANVRIT_TOKEN that the server refuses is 77 and says where to get a new token", async () => {
  await using home = await makeScratch();
  for (const code of ["unauthenticated", "token_expired"] as const) {
    using server = new ScriptedServer(() => problem(code));
    const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "old" };
    const run = await runProgram(home.path, ["job", "get", JOB_ID], { env });
    expect(run).toMatchObject({ exitCode: exitCodes.notAllowed, stdout: "" });
    expect(run.stderr).toContain("TANVRIT_TOKEN");
    expect(run.stderr).toContain("print-token");
  }
});

test("an invalid label key is refused, with what a label key may contain", async () => {
  const run = await atMidnight(["job", "submit", "--label=-b=y", "--", "true"]);
  expect(run.exitCode).toBe(exitCodes.usage);
  expect(run.stderr).toContain("--label -b: a label key may contain letters");
});

test("a server on this machine is reached without the proxy, whatever NO_PROXY says", async () => {
  await using home = await makeScratch();
  using server = new ScriptedServer(() => Response.json({ nodes: [] }));
  const proxy = {
    HTTP_PROXY: "http://127.0.0.1:1",
    http_proxy: "http://127.0.0.1:1",
    NO_PROXY: "intranet.example",
  };
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t", ...proxy };
  expect(await runProgram(home.path, ["node", "list", "--json"], { env })).toMatchObject({
    exitCode: 0,
    stdout: "[]\n",
  });
});

test.skipIf(process.platform !== "linux")(
  "output that cannot be written is 74 and is not reported as a bug",
  async () => {
    await using home = await makeScratch();
    using server = new ScriptedServer(() => Response.json({ jobId: JOB_ID }));
    const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
    const args = ["job", "submit", "--", "true"];
    const run = await runProgram(home.path, args, { env, stdout: Bun.file("/dev/full") });
    expect(run.exitCode).toBe(exitCodes.ioError);
    expect(run.stderr).toContain("cannot write to standard output");
    expect(run.stderr).not.toContain("    at ");
  },
);

test("a manifest that is not text is 65, and is named as it was given", async () => {
  await using home = await makeScratch();
  await Bun.write(home.join("job.yaml"), new Uint8Array([0xff, 0xfe, 0x00, 0x9b]));
  const file = await runProgram(home.path, ["job", "submit", "--file", "job.yaml"]);
  expect(file).toMatchObject({ exitCode: exitCodes.badData, stdout: "" });
  expect(file.stderr).toContain("job.yaml:1:1: this is not UTF-8");
  const stdin = await runProgram(home.path, ["job", "submit", "--file", "-"], { stdin: "# nothing\n" });
  expect(stdin).toMatchObject({ exitCode: exitCodes.badData, stdout: "" });
  expect(stdin.stderr).toContain("<stdin>: command: is missing");
});

test("a server says what is wrong with its host and with its data", async () => {
  await using home = await makeScratch();
  const server = (...args: string[]) =>
    runProgram(home.path, ["server", "--port", "0", "--data-dir", "data", ...args]);
  const unknown = await server("--host", "no-such-host.invalid");
  expect(unknown.exitCode).toBe(exitCodes.badConfiguration);
  expect(unknown.stderr).toContain("no-such-host.invalid: there is no such host");
  await Bun.write(home.join("data/compute.db"), "x".repeat(8_192));
  const damaged = await server();
  expect(damaged.exitCode).toBe(exitCodes.badData);
  expect(damaged.stderr).toContain("data is damaged");
  const checked = await runProgram(home.path, ["server", "check", "--data-dir", "data"]);
  expect(checked.exitCode).toBe(exitCodes.badData);
});

test("an agent that cannot keep its state says so, and an agent with an invalid label names it", async () => {
  await using home = await makeScratch();
  const agent = (...args: string[]) =>
    runProgram(home.path, ["agent", "run", "--url", "http://127.0.0.1:1", ...args], {
      env: { TANVRIT_TOKEN: "t" },
    });
  const label = await agent("--label", "a b=c");
  expect(label.exitCode).toBe(exitCodes.usage);
  expect(label.stderr).toContain("--label: a b: a label key may contain letters");
  await Bun.write(home.join("agent"), "a file where the directory should be");
  const state = await agent();
  expect(state.exitCode).toBe(exitCodes.ioError);
  expect(state.stderr).not.toContain("    at ");
});
