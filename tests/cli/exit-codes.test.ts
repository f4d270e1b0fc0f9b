import { expect, test } from "bun:test";
import type { ErrorCode } from "../../shared/errors.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { JOB_ID, problem, ScriptedServer } from "./scripted-server.ts";

const get = ["job", "get", JOB_ID];

test("each refusal of the server has its exit code, a line on stderr, and nothing on stdout", async () => {
  await using home = await makeScratch();
  const cases: [ErrorCode, number][] = [
    ["not_found", 66],
    ["rate_limited", 75],
    ["forbidden", 77],
    ["session_ended", 77],
    ["invalid_request", 65],
    ["internal", 70],
  ];
  for (const [code, exitCode] of cases) {
    using server = new ScriptedServer(() => {
      const refusal = problem(code, { detail: "the detail" });
      // Longer than a command waits for a server, so it reports the refusal immediately.
      refusal.headers.set("retry-after", "60");
      return refusal;
    });
    const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
    const run = await runProgram(home.path, get, { env });
    expect({ code, ...run }).toMatchObject({ code, exitCode, stdout: "" });
    expect(run.stderr).toStartWith("tanvrit-compute: job get: the detail.");
    const json = await runProgram(home.path, [...get, "--json"], { env });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code, message: "the detail", exitCode } });
  }
});

test("a server that is away for a moment is asked again; a server that stays away is 75 or 69", async () => {
  await using home = await makeScratch();
  let calls = 0;
  using back = new ScriptedServer(() =>
    ++calls < 3 ? problem("unavailable") : Response.json({ jobId: JOB_ID }),
  );
  const submit = ["job", "submit", "--", "true"];
  const run = await runProgram(home.path, submit, { env: { TANVRIT_URL: back.url, TANVRIT_TOKEN: "t" } });
  expect(run).toEqual({ exitCode: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  using busy = new ScriptedServer(() => problem("storage_failed"));
  const env = { TANVRIT_URL: busy.url, TANVRIT_TOKEN: "t" };
  expect((await runProgram(home.path, submit, { env })).exitCode).toBe(75);
  using other = new ScriptedServer(() => new Response("<html>"));
  const wrong = await runProgram(home.path, get, { env: { TANVRIT_URL: other.url, TANVRIT_TOKEN: "t" } });
  expect(wrong.exitCode).toBe(69);
  expect(wrong.stderr).toContain("is not a Tanvrit Compute server");
});

test("a job is submitted with one request", async () => {
  await using home = await makeScratch();
  using server = new ScriptedServer(() => Response.json({ jobId: JOB_ID }));
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "submit", "--", "true"], { env });
  expect(run).toEqual({ exitCode: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  expect(server.requests).toEqual(["jobs/submit"]);
});

test("a manifest that the server refuses is 65, with file and field", async () => {
  await using home = await makeScratch();
  using server = new ScriptedServer(() =>
    problem("invalid_request", { errors: [{ path: "labels.gpu", message: "is not known" }] }),
  );
  await Bun.write(home.join("job.yaml"), "command: echo hi\n");
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "submit", "--file", "job.yaml"], { env });
  expect(run).toMatchObject({ exitCode: 65, stdout: "" });
  expect(run.stderr).toContain("job.yaml: labels.gpu: is not known");
  const dry = await runProgram(home.path, ["job", "submit", "--dry-run", "--file", "job.yaml"], { env });
  expect(dry).toMatchObject({ exitCode: 65, stderr: run.stderr });
});

test("a missing manifest is 66, a wrong manifest is 65 with its line, wrong flags are 64", async () => {
  await using home = await makeScratch();
  const env = { TANVRIT_URL: "http://127.0.0.1:1", TANVRIT_TOKEN: "t" };
  await Bun.write(home.join("bad.yaml"), "command: echo\ntimeoutSeconds: soon\ncolour: red\n");
  await Bun.write(home.join("empty.yaml"), "name: x\n");
  await Bun.write(home.join("good.yaml"), "command: x\nenv: {A: b}\nresources: {memoryMb: 1}\n");
  const cases: [string[], number, RegExp][] = [
    [["--file", "none.yaml"], 66, /none\.yaml: there is no such file/],
    [
      ["--file", "bad.yaml"],
      65,
      /bad\.yaml:2:1: timeoutSeconds: .*[\s\S]*bad\.yaml:3:1: colour: unknown field/,
    ],
    [["--file", "empty.yaml"], 65, /empty\.yaml: command: is missing/],
    [["--cpu", "many", "--", "true"], 64, /--cpu: must be a number of cores/],
    [["--priority=99999", "--", "true"], 64, /--priority: /],
    [["--label", "a b=y", "--", "true"], 64, /--label a b: /],
    [
      ["--file", "good.yaml", "--label", "a b=y", "--cpu", "9999"],
      64,
      /--label a b: .*--cpu: |--cpu: .*--label a b: /,
    ],
    [["--not-before", "soon", "--", "true"], 64, /--not-before: must be a time such as/],
    [["--not-before", "+99999999999999d", "--", "true"], 64, /--not-before: must be at most 10 years/],
    [["--after", `${JOB_ID}:any:all`, "--", "true"], 64, /--after: /],
    [["--label", "nokey", "--", "true"], 64, /--label: must be a label, as KEY=VALUE/],
    [["--wait", "--follow", "--", "true"], 64, /cannot be used together/],
    [["sh", "-c", "true"], 64, /Put -- before the command/],
    [["true"], 64, /Put -- before the command/],
  ];
  for (const [args, exitCode, stderr] of cases) {
    const run = await runProgram(home.path, ["job", "submit", ...args], { env });
    expect({ args, ...run }).toMatchObject({ args, exitCode, stdout: "" });
    expect(run.stderr).toMatch(stderr);
  }
});

test("a store URL that MongoDB's driver rejects is 78, and its password is not shown", async () => {
  await using home = await makeScratch();
  const url = "mongodb://anna:secret@host:99999/compute";
  for (const command of [["server"], ["server", "check"]]) {
    const run = await runProgram(home.path, [...command, "--store", url]);
    expect(run).toMatchObject({ exitCode: 78, stdout: "" });
    expect(run.stderr).toContain("mongodb://host:99999/compute cannot be used");
    expect(run.stderr).not.toContain("secret");
  }
});

test("a wrong source or target of server migrate is 64 as a flag and 78 as a variable", async () => {
  await using home = await makeScratch();
  const url = "postgres://anna:secret@host/x";
  const cases: [string[], Record<string, string>, number, string][] = [
    [["--from", "mysql:x", "--to", "mongodb://host/x"], {}, 64, "--from: must be sqlite:"],
    [["--from", "sqlite:x", "--to", url], {}, 64, "--to: must be a URL like mongodb://"],
    [["--from", "sqlite:x"], { TANVRIT_STORE: url }, 78, "TANVRIT_STORE: must be a URL like mongodb://"],
  ];
  for (const [args, env, exitCode, says] of cases) {
    const run = await runProgram(home.path, ["server", "migrate", ...args], { env });
    expect({ args, ...run }).toMatchObject({ args, exitCode, stdout: "" });
    expect(run.stderr).toContain(says);
    expect(run.stderr).not.toContain("secret");
  }
});

test("a config file that cannot be read is 78 and named with its line", async () => {
  await using home = await makeScratch();
  await Bun.write(
    home.join("config.json"),
    '{\n  "current": "x",\n  "workspaces": { "x": { "url": "ftp://y" } }\n}',
  );
  const run = await runProgram(home.path, get);
  expect(run).toMatchObject({ exitCode: 78, stdout: "" });
  expect(run.stderr).toMatch(/config\.json:3:\d+: workspaces\.x\.url: /);
  await Bun.write(home.join("server.yaml"), "port: 7070\nprot: 1\n");
  const server = await runProgram(home.path, ["server", "--config", "server.yaml"]);
  expect(server.exitCode).toBe(78);
  expect(server.stderr).toContain("server.yaml:2:1: prot: unknown field");
});

test("a server that cannot start says why: the port is taken, the directory cannot be used", async () => {
  await using home = await makeScratch();
  using other = new ScriptedServer(() => new Response());
  const port = new URL(other.url).port;
  const taken = await runProgram(home.path, ["server", "--port", port]);
  expect(taken).toMatchObject({ exitCode: 69, stdout: "" });
  expect(taken.stderr).toContain(`port ${port} on 127.0.0.1 is already in use`);
  await Bun.write(home.join("a-file"), "");
  const nowhere = await runProgram(home.path, ["server", "--port", "0", "--data-dir", home.join("a-file/x")]);
  expect(nowhere).toMatchObject({ exitCode: 78, stdout: "" });
  expect(nowhere.stderr).toContain("--data-dir");
});
