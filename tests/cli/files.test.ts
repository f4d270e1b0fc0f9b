import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { type Finished, Running, runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";
import { JOB_ID, ScriptedServer } from "./scripted-server.ts";

/** A person's directory with a file, a directory and a pipe, and a server that must not be asked for anything. */
async function person() {
  const home = await makeScratch();
  await mkdir(home.join("src/deep"), { recursive: true });
  await Bun.write(home.join("src/deep/main.c"), "int main;\n");
  await Bun.write(home.join("src/.gitignore"), "*.o\n");
  await Bun.write(home.join("src/main.o"), "object");
  await Bun.write(home.join("data.csv"), "1,2\n");
  const server = new ScriptedServer(() => new Response("no", { status: 500 }));
  return {
    home,
    server,
    run: (args: string[], stdin?: string): Promise<Finished> =>
      runProgram(home.path, args, { env: { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" }, stdin }),
    async [Symbol.asyncDispose]() {
      server[Symbol.dispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

async function makePipe(home: Scratch, name: string): Promise<void> {
  expect(await Bun.spawn(["mkfifo", home.join(name)]).exited).toBe(0);
}

test("files and secrets that cannot be used are refused before the server is asked", async () => {
  await using someone = await person();
  await makePipe(someone.home, "pipe");
  await mkdir(someone.home.join("bad"));
  await makePipe(someone.home, "bad/queue");
  await mkdir(someone.home.join("leads"));
  await symlink("../../etc", someone.home.join("leads/out"));
  const cases: [string[], number, RegExp][] = [
    [["--input", "nope"], 66, /--input nope: there is no file or directory nope/],
    [["--input", "src", "--input", "nope:in"], 66, /--input nope:in: there is no file or directory nope/],
    [["--input", ""], 64, /SRC is empty/],
    [["--input", "src:../x"], 64, /--input src:\.\.\/x: DEST \.\.\/x: the path contains “\.\.”/],
    [["--input", "src:/x"], 64, /the path is absolute/],
    [["--input", "pipe"], 64, /pipe is neither a file nor a directory/],
    [["--input", "data.csv:x", "--input", "src/main.o:x"], 64, /both go to x/],
    [["--output", "../x"], 64, /--output \.\.\/x: the path contains “\.\.”/],
    [["--output", "/tmp/*"], 64, /--output \/tmp\/\*: the path is absolute/],
    [["--output", ""], 64, /--output ''/],
    [["--secret-env", "TOKEN"], 64, /--secret-env: must be a variable and the name of a secret, as ENV=NAME/],
    [["--secret-env", "TOKEN=a b"], 64, /--secret-env TOKEN: a secret's name is/],
    [["--secret-file", "../x=netrc"], 64, /--secret-file \.\.\/x: the path contains “\.\.”/],
  ];
  for (const [options, exitCode, stderr] of cases) {
    for (const command of ["submit", "run"]) {
      const run = await someone.run(["job", command, ...options, "--", "true"]);
      expect({ options, ...run }).toMatchObject({ options, exitCode, stdout: "" });
      expect(run.stderr).toMatch(stderr);
    }
  }
  expect(someone.server.requests).toEqual([]);
});

test("a tree with something that cannot be sent is 65 and names it, and nothing is sent", async () => {
  await using someone = await person();
  await mkdir(someone.home.join("bad"));
  await makePipe(someone.home, "bad/queue");
  await mkdir(someone.home.join("leads"));
  await symlink("../../etc", someone.home.join("leads/out"));
  await mkdir(someone.home.join("line"));
  await Bun.write(someone.home.join("line/a\nb"), "");
  for (const [name, stderr] of [
    ["bad", /--input bad: queue: it is a named pipe/],
    ["leads", /--input leads: out: the link to \.\.\/\.\.\/etc leads out/],
    ["line", /--input line: "a\\nb": .*newline/],
  ] as const) {
    const run = await someone.run(["job", "submit", "--input", "src", "--input", name, "--", "true"]);
    expect({ name, ...run }).toMatchObject({ name, exitCode: 65, stdout: "" });
    expect(run.stderr).toMatch(stderr);
    const upload = await someone.run(["artifact", "upload", name]);
    expect(upload).toMatchObject({ exitCode: 65, stdout: "" });
  }
  expect(someone.server.requests).toEqual([]);
});

test("job validate says what a job file would send; its paths begin in its own directory, those of stdin here", async () => {
  await using someone = await person();
  await Bun.write(
    someone.home.join("jobs/job.yaml"),
    "command: make\ninputs: [{from: ../src}, {from: ./x}]\n",
  );
  const missing = await someone.run(["job", "validate", "jobs/job.yaml"]);
  expect(missing).toMatchObject({ exitCode: 66, stdout: "" });
  expect(missing.stderr).toContain("jobs/job.yaml: inputs.1: there is no file or directory ./x");
  await Bun.write(someone.home.join("jobs/x"), "12345");
  const valid = await someone.run(["job", "validate", "jobs/job.yaml"]);
  expect(valid.exitCode).toBe(0);
  expect(valid.stderr).toMatch(/ok; it would send 2 files \(14 bytes\) of \S+\/src; .*1 file \(5 bytes\)/);
  const all = await someone.run(["job", "validate", "--no-ignore", "jobs/job.yaml"]);
  expect(all.stderr).toContain("3 files (20 bytes)");
  const piped = await someone.run(["job", "validate", "-"], "command: make\ninputs: [{from: src}]\n");
  expect(piped).toMatchObject({ exitCode: 0 });
  const sources = [
    ["artifact:art_1", 0],
    ["job:build/dist/**", 0],
    ["job:build/../x", 65],
    ["artifact:", 65],
  ] as const;
  for (const [from, exitCode] of sources) {
    const run = await someone.run(["job", "validate", "-"], `command: make\ninputs: [{from: "${from}"}]\n`);
    expect({ from, exitCode: run.exitCode }).toEqual({ from, exitCode });
  }
});

test("a batch with a local path that is not there is refused with its line, before anything is sent", async () => {
  await using someone = await person();
  const lines = [
    { command: "a", inputs: [{ from: "src" }] },
    { command: "b", inputs: [{ from: "nope" }] },
  ];
  await Bun.write(someone.home.join("b.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
  const run = await someone.run(["job", "submit", "--batch", "b.jsonl"]);
  expect(run).toMatchObject({ exitCode: 66, stdout: "" });
  expect(run.stderr).toContain("b.jsonl:2: inputs.0: there is no file or directory nope");
  expect(someone.server.requests).toEqual([]);
});

test("schedules and templates cannot use a local file, and say what to do", async () => {
  await using someone = await person();
  const schedule = await someone.run(["schedule", "create", "--cron", "@daily", "--input", "src", "--", "x"]);
  expect(schedule).toMatchObject({ exitCode: 64, stdout: "" });
  expect(schedule.stderr).toMatch(/--input src: a schedule cannot use a local file.*artifact upload/);
  const template = "name: t\njob:\n  command: x\n  inputs: [{from: ./src}]\n";
  const made = await someone.run(["template", "create", "--file", "-"], template);
  expect(made).toMatchObject({ exitCode: 65, stdout: "" });
  expect(made.stderr).toMatch(/<stdin>:4:\d+: job\.inputs\.0\.from: .*artifact upload/);
  expect(someone.server.requests).toEqual([]);
});

test("artifact commands refuse what they cannot do", async () => {
  await using someone = await person();
  const cases: [string[], number, RegExp][] = [
    [["upload", "nope"], 66, /nope: there is no such file/],
    [["upload", ""], 64, /is empty/],
    [["upload", "/dev/null"], 65, /\/dev\/null: it is a device, which cannot be sent/],
    [["upload", "src", "--name", "a/b"], 64, /--name: a name must not contain a slash/],
    [["upload", "src", "--ttl", "soon"], 64, /--ttl: must be a time like 90s/],
    [["upload", "src", "--ttl", "0s"], 64, /--ttl/],
    [["upload", "src", "--name", ""], 64, /--name/],
    [["download", JOB_ID, "/x"], 64, /GLOB \/x: the path is absolute/],
    [["download", JOB_ID, "--attempt", "0"], 64, /--attempt/],
    [["download", `art_${"0".repeat(26)}`, "--attempt", "1"], 64, /--attempt is for the outputs of a job/],
    [["list", JOB_ID, "--kind", "output"], 64, /--kind cannot be used with a JOB/],
    [["delete"], 64, /ID is missing/],
    [["get", ""], 64, /is empty/],
  ];
  for (const [args, exitCode, stderr] of cases) {
    const run = await someone.run(["artifact", ...args]);
    expect({ args, ...run }).toMatchObject({ args, exitCode, stdout: "" });
    expect(run.stderr).toMatch(stderr);
  }
  expect(someone.server.requests).toEqual([]);
});

test("Ctrl-C ends an upload at once, as a signal does, and says that the next try goes on", async () => {
  await using someone = await person();
  using silent = new ScriptedServer(() => new Promise<Response>(() => undefined));
  const env = { TANVRIT_URL: silent.url, TANVRIT_TOKEN: "t" };
  for (const args of [
    ["artifact", "upload", "src"],
    ["job", "submit", "--input", "src", "--", "true"],
  ]) {
    const asked = silent.requests.length;
    await using running = new Running(someone.home.path, args, env);
    await waitFor("the upload to begin", () => silent.requests.length > asked);
    await running.stop("SIGINT", 2_000);
    expect(running.process.signalCode).toBe("SIGINT");
    expect(running.stderr).toContain("stopped. What was sent is kept");
    expect(running.stdout).toBe("");
  }
});
