import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { runInTerminal } from "../support/terminal.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

const HELLO = `
name: Hello
on: {push: , workflow_dispatch: {inputs: {who: {type: string}}}}
jobs:
  hello:
    runs-on: ubuntu-latest
    steps:
      - run: echo "hello \${{ inputs.who || 'nobody' }}, \${{ secrets.WORD }}"
`;

const SLOW = `
on: push
jobs:
  slow:
    runs-on: ubuntu-latest
    steps:
      - run: |
          trap 'exit 9' INT
          echo started
          while true; do sleep 0.1; done
      - if: always()
        run: echo cleaned up
`;

const FAILS = `
on: push
jobs:
  fails:
    runs-on: ubuntu-latest
    steps:
      - run: echo here > made-here; exit 3
        env: {OF_STEP: yes}
`;

/** A repository with these workflows, in a directory that also holds temporary files and the cache of its runs. */
class Repository implements AsyncDisposable {
  private constructor(private readonly scratch: Scratch) {}

  static async with(workflows: Record<string, string>): Promise<Repository> {
    const repository = new Repository(await makeScratch());
    for (const [name, text] of Object.entries(workflows)) repository.write(`.github/workflows/${name}`, text);
    mkdirSync(repository.scratch.join("tmp"));
    return repository;
  }

  get path(): string {
    return this.scratch.join("repo");
  }

  get env(): Record<string, string> {
    return { TMPDIR: this.scratch.join("tmp"), XDG_CACHE_HOME: this.scratch.join("cache") };
  }

  /** What its runs left among the temporary files. */
  get left(): string[] {
    return readdirSync(this.scratch.join("tmp"));
  }

  /** The shells that work among its temporary files. */
  get steps(): number[] {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => argumentsOf(pid).includes(`${this.scratch.path}/tmp/`));
  }

  write(path: string, text: string): string {
    const file = join(this.path, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  run(args: string[], by: Person = person) {
    return by.run(["workflow", "run", ...args], { cwd: this.path, env: this.env, timeoutMs: 60_000 });
  }

  start(args: string[]): Running {
    const words = ["--json", ...args];
    const env = { ...this.env, TANVRIT_HOME: person.home.path };
    return new Running(this.path, ["workflow", "run", ...words], env);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.scratch[Symbol.asyncDispose]();
  }
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // It has ended.
  }
}

test("--here needs no sign-in, and leaves nothing but its cache", async () => {
  await using repository = await Repository.with({ "ci.yml": HELLO });
  await using stranger = await Person.stranger();
  const { exitCode, stdout, stderr } = await repository.run(
    [".", "--here", "--secret", "WORD=sesame"],
    stranger,
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining("✓ Hello succeeded") });
  expect(stdout).toContain("hello nobody, ***\n");
  expect(stdout + stderr).not.toContain("sesame");
  expect(repository.left).toEqual([]);
});

test.each([
  ["SIGINT", ["--here"]],
  ["SIGTERM", ["--here"]],
  ["SIGHUP", ["--here"]],
  ["SIGINT", []],
] as const)(
  "%s cancels the run %p, its last steps still run, and the exit code is 130",
  async (signal, where) => {
    await using repository = await Repository.with({ "slow.yml": SLOW });
    await using running = repository.start([".", ...where]);
    await waitFor("the step", () => running.stdout.includes('"started"'));
    expect(await running.stop(signal, 40_000)).toBe(130);
    expect(running.stdout).toContain('"cleaned up"');
    expect(JSON.parse(running.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      type: "end",
      exitCode: 130,
      run: { conclusion: "cancelled" },
    });
    expect(repository.left).toEqual([]);
  },
);

test("a run that is killed leaves a directory and a step, which the next run ends and removes", async () => {
  await using repository = await Repository.with({ "slow.yml": SLOW, "hello.yml": HELLO });
  await using running = repository.start([".github/workflows/slow.yml", "--here"]);
  await waitFor("the step", () => running.stdout.includes('"started"'));
  await running.stop("SIGKILL");
  expect(repository.left).toHaveLength(1);
  // A shell that is about to become another program still looks like the step.
  await waitFor("the step to be alone", () => repository.steps.length === 1);
  expect(await repository.run([".github/workflows/hello.yml", "--here"])).toMatchObject({ exitCode: 0 });
  expect(repository.left).toEqual([]);
  await waitFor("the step to end", () => repository.steps.length === 0);
});

test("--keep-on-failure keeps the directory of a run that failed, and says where it is", async () => {
  await using repository = await Repository.with({ "fails.yml": FAILS, "hello.yml": HELLO });
  const failed = await repository.run([".github/workflows/fails.yml", "--here", "--keep-on-failure"]);
  expect(failed.exitCode).toBe(1);
  const [, kept = ""] = /its directory stays for a day: (\S+)/.exec(failed.stderr) ?? [];
  const files = readdirSync(kept, { recursive: true }).map(String);
  expect(files.filter((file) => file.endsWith("made-here"))).toHaveLength(1);
  expect(await repository.run([".github/workflows/hello.yml", "--here", "--keep-on-failure"])).toMatchObject({
    exitCode: 0,
  });
  expect(repository.left).toHaveLength(1);
});

test("--shell-on-failure opens a shell where the step failed, with its environment", async () => {
  await using repository = await Repository.with({ "fails.yml": FAILS });
  const workflow = join(repository.path, ".github/workflows/fails.yml");
  const { exitCode, shown } = await runInTerminal(
    repository.path,
    ["workflow", "run", workflow, "--here", "--shell-on-failure"],
    {
      columns: 120,
      env: { ...repository.env, SHELL: "/bin/sh", PS1: "> " },
      typed: { after: "This is a shell in", keys: 'echo "seen: $(cat made-here) $OF_STEP"; exit\n' },
    },
  );
  expect(shown).toContain("seen: here yes");
  expect(exitCode).toBe(1);
});

test("the value of a secret reaches the steps of a node, and nothing else shows it", async () => {
  await using repository = await Repository.with({ "ci.yml": HELLO });
  const env = { ...repository.env, WORD: "open sesame" };
  const args = ["workflow", "run", ".", "--secret", "WORD", "--input", "who=Mona"];
  const { exitCode, stdout, stderr } = await person.run(args, {
    cwd: repository.path,
    env,
    timeoutMs: 60_000,
  });
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(stdout).toContain("hello Mona, ***\n");
  const [, jobId = ""] = /(job_\w+) submitted/.exec(stderr) ?? [];
  const job = await person.get(["job", "get", jobId, "--json"]);
  expect(job).toContain('"WORD":"workflow-');
  expect(stdout + stderr + job).not.toContain("sesame");
  // The run succeeded, so nobody needs the value any more.
  expect(JSON.parse(await person.get(["secret", "list", "--json"]))).toEqual([]);
});

test("a secret whose run failed stays for a retry, and is removed by itself later", async () => {
  await using repository = await Repository.with({ "fails.yml": FAILS });
  expect(await repository.run([".", "--secret", "WORD=x", "--quiet"])).toMatchObject({
    exitCode: 1,
    stdout: "",
  });
  const [secret] = JSON.parse(await person.get(["secret", "list", "--json"]));
  expect(secret.expiresAt).toBeString();
  await person.get(["secret", "delete", secret.name]);
});

test("job submit and a job file submit the same job", async () => {
  await using repository = await Repository.with({ "ci.yml": HELLO });
  const options = { cwd: repository.path, timeoutMs: 60_000 };
  const words = ["--type", "GITHUB_ACTION", "--workflow", ".github/workflows/ci.yml", "--input", "who=Ada"];
  const first = await person.get(["job", "submit", ...words, "--wait"], options);
  repository.write(
    "jobs/hello.yaml",
    "workflow: {path: ../.github/workflows/ci.yml, inputs: {who: Ada}}\ntype: GITHUB_ACTION\n",
  );
  const second = await person.get(["job", "submit", "--file", "jobs/hello.yaml", "--wait"], options);
  const third = await person.get(["workflow", "run", ".", "--input", "who=Ada", "--detach"], options);
  await person.get(["job", "wait", third], options);
  for (const id of [first, second, third]) {
    expect(await person.get(["job", "logs", id])).toContain("hello Ada, \n");
    expect(await person.job(id)).toMatchObject({
      type: "GITHUB_ACTION",
      name: "Hello",
      labels: { os: "linux" },
      workflow: { path: ".github/workflows/ci.yml", inputs: { who: "Ada" }, repository: "local/repo" },
    });
  }
  const refused = await person.run(["job", "submit", "--event", "push", "--", "true"]);
  expect(refused.stderr).toContain("--event is only for jobs of type GITHUB_ACTION");
});

test("a directory stands for all its workflows of the event, and fails if one of them does", async () => {
  await using repository = await Repository.with({
    "a.yml": HELLO,
    "b.yml": FAILS,
    "c.yml": "on: issues\njobs: {a: {runs-on: x, steps: [{run: a}]}}",
  });
  for (const where of [["--here"], []]) {
    const { exitCode, stdout, stderr } = await repository.run([".", ...where]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("✓ Hello succeeded"),
    });
    expect(stdout).toContain("hello nobody");
    expect(stderr).toContain(".github/workflows/b.yml failed");
  }
});

test("a repository may be a git URL at a ref", async () => {
  await using repository = await Repository.with({ "ci.yml": HELLO });
  const git = (...args: string[]) =>
    Bun.spawnSync(["git", "-c", "user.name=A", "-c", "user.email=a@b.c", ...args], { cwd: repository.path });
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "one");
  git("tag", "v1");
  repository.write(".github/workflows/ci.yml", "on: push\n");
  git("commit", "-qam", "broken");
  const url = `file://${repository.path}`;
  const path = ".github/workflows/ci.yml";
  for (const where of [["--here"], []]) {
    expect(await repository.run([path, "--repo", `${url}@v1`, ...where])).toMatchObject({ exitCode: 0 });
    expect(await repository.run([path, "--repo", url, ...where])).toMatchObject({ exitCode: 65 });
  }
});

test("what cannot be run is refused before anything runs", async () => {
  await using repository = await Repository.with({
    "ci.yml": HELLO,
    "two.yml": "on: [issues, release]\njobs: {a: {runs-on: x, steps: [{run: a}]}}",
  });
  repository.write("event.json", '{"ref": }');
  const ci = ".github/workflows/ci.yml";
  const cases: [number, string, string[]][] = [
    [66, "there is no such file or directory", ["nothing.yml"]],
    [66, "there is no such directory", [ci, "--repo", "nowhere"]],
    [65, "does not run for the event issues. It has push, workflow_dispatch", [ci, "--event", "issues"]],
    [65, "Choose one that it has with --event: issues, release", [".github/workflows/two.yml"]],
    [65, "event.json is not JSON", [ci, "--event-file", "event.json"]],
    [65, "The workflow has no job 'nothing'", [ci, "--job", "nothing"]],
    [64, "--secret NOT_SET: the environment has no variable NOT_SET", [ci, "--secret", "NOT_SET"]],
    [64, "--detach cannot be used with --here", [ci, "--here", "--detach"]],
    [64, "--secret-env A=… cannot be used with --here", [ci, "--here", "--secret-env", "A=b"]],
    [64, "--shell-on-failure needs --here", [ci, "--shell-on-failure"]],
    [64, "this machine has no label no.such", [ci, "--here", "--label", "no.such=x"]],
  ];
  for (const [exitCode, said, args] of cases) {
    const run = await repository.run(args);
    expect({ args, ...run }).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining(said) });
  }
  expect(repository.left).toEqual([]);
});

test("agent.yaml says what runs-on means on this machine", async () => {
  await using repository = await Repository.with({
    "ci.yml": "on: push\njobs: {a: {runs-on: big-iron, steps: [{run: echo ran}]}}",
  });
  await using stranger = await Person.stranger();
  expect(await repository.run([".", "--here"], stranger)).toMatchObject({ exitCode: 1 });
  writeFileSync(
    stranger.home.join("agent.yaml"),
    "labels: {iron: big}\nworkflows: {runsOn: {big-iron: {iron: big}}}\n",
  );
  expect(await repository.run([".", "--here"], stranger)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("ran\n"),
  });
});
