import { beforeAll, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { forAllTests } from "../support/for-all-tests.ts";
import { hostileTexts } from "../support/hostile-texts.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const HOSTILE = 1_000;
const PER_JOB = 50;

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

beforeAll(async () => {
  await waitFor("the builtin templates", async () => {
    return (await person.get(["template", "list", "--builtin"])).includes("restic-backup");
  });
});

/** Writes a file into the person's home; returns its path. */
async function file(name: string, text: string): Promise<string> {
  await Bun.write(person.home.join(name), text);
  return person.home.join(name);
}

/** A script that writes its arguments and its environment to a file, as JSON. */
const DUMP = `const [out, ...args] = process.argv.slice(2);
const env = Object.entries(process.env).filter(([name]) => name.startsWith("E_"));
await Bun.write(out, JSON.stringify({ args, env: Object.fromEntries(env) }));`;

const names = Array.from({ length: PER_JOB }, (_, i) => `p${i}`);
const parameters = [...names, "out"].map((name) => ({ name, type: "string", required: true }));
const templates = {
  list: {
    command: [process.execPath, "{{dump}}", "{{out}}", ...names.map((name) => `{{${name}}}`)],
    env: Object.fromEntries(names.map((name) => [`E_${name}`, `{{${name}}}`])),
  },
  text: {
    command: `exec "$BUN" {{dump}} "{{out}}" ${names.map((n) => `{{${n}}} "{{${n}}}" 'a {{${n}}} b'`).join(" ")}`,
    env: { BUN: process.execPath },
  },
};

test("a thousand hostile values reach the process exactly as given, as arguments, as variables and in every quoting", async () => {
  const dump = await file("dump.ts", DUMP);
  for (const [name, job] of Object.entries(templates)) {
    const all = [...parameters, { name: "dump", type: "file", default: dump }];
    await file(`${name}.json`, JSON.stringify({ name, parameters: all, job }));
    await person.get(["template", "create", "--file", `${name}.json`]);
  }
  const texts = hostileTexts(HOSTILE);
  for (let from = 0; from < HOSTILE; from += PER_JOB) {
    const values = texts.slice(from, from + PER_JOB);
    const params = values.flatMap((value, i) => ["--param", `p${i}=${value}`]);
    const run = async (template: string) => {
      const out = person.home.join(`${template}-${from}.json`);
      await person.get(["template", "run", template, ...params, "-p", `out=${out}`, "--wait"]);
      return Bun.file(out).json();
    };
    const [list, text] = await Promise.all([run("list"), run("text")]);
    expect(list.args).toEqual(values);
    expect(list.env).toEqual(Object.fromEntries(values.map((value, i) => [`E_p${i}`, value])));
    expect(text.args).toEqual(values.flatMap((value) => [value, value, `a ${value} b`]));
  }
});

test("python-script runs a script with arguments in its own environment", async () => {
  const code = "import sys\nprint(sys.argv[1:], sys.prefix != sys.base_prefix)\n";
  const script = await file("a script.py", code);
  const params = ["-p", `script=${script}`, "-p", "arguments=one * --two"];
  const run = await person.run(["template", "run", "python-script", ...params, "--follow"]);
  expect(run).toMatchObject({ exitCode: 0, stdout: "['one', '*', '--two'] True\n" });
});

test("git-clone-and-run clones a branch and runs a command in it", async () => {
  const repository = person.home.join("project");
  await mkdir(repository);
  await file("project/greet", "#!/bin/sh\necho from the branch\n");
  await chmod(person.home.join("project/greet"), 0o755);
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
  for (const args of [
    ["init", "-q", "-b", "topic"],
    ["add", "."],
    [...identity, "commit", "-qm", "it's one"],
  ]) {
    expect(Bun.spawnSync(["git", ...args], { cwd: repository, timeout: 20_000 }).exitCode).toBe(0);
  }
  const params = [
    "-p",
    `repository=file://${repository}`,
    "-p",
    "ref=topic",
    "-p",
    "command=./greet && echo $PWD",
  ];
  const run = await person.run(["template", "run", "git-clone-and-run", ...params, "--follow"]);
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toMatch(/^from the branch\n\/.*\/checkout\n$/);
  expect(run.stderr).toContain("it's one");
});

const has = (...command: string[]) => {
  if (!Bun.which(command[0] ?? "")) return false;
  return Bun.spawnSync(command, { timeout: 20_000, stdout: "ignore", stderr: "ignore" }).success;
};

if (has("python3", "-m", "pytest", "--version")) {
  test("pytest-run succeeds when the tests pass, and fails when a test fails", async () => {
    await file("suite/test_a.py", "def test_good():\n    pass\n\ndef test_bad():\n    assert False\n");
    const run = (...params: string[]) =>
      person.run([
        "template",
        "run",
        "pytest-run",
        "-p",
        `project=${person.home.join("suite")}`,
        ...params,
        "--follow",
      ]);
    const good = await run("-p", "tests=test_a.py::test_good");
    expect(good.exitCode).toBe(0);
    expect(good.stdout).toContain("1 passed");
    expect((await run("-p", "expression=good and not bad")).exitCode).toBe(0);
    const all = await run();
    expect(all.exitCode).toBe(1);
    expect(all.stdout).toContain("1 failed, 1 passed");
  });
}

if (has("ffmpeg", "-version")) {
  test("ffmpeg-transcode encodes a video whose name looks like an option", async () => {
    const workdir = person.home.join("videos");
    await mkdir(workdir);
    const source = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x64:r=5", "-f", "lavfi", "-i", "sine=d=1"];
    const made = Bun.spawnSync(["ffmpeg", ...source, "file:-in it.mkv"], { cwd: workdir, timeout: 30_000 });
    expect(made.exitCode).toBe(0);
    const params = ["input=-in it.mkv", "output=out.mp4", "height=32", `workdir=${workdir}`];
    await person.get([
      "template",
      "run",
      "ffmpeg-transcode",
      ...params.flatMap((one) => ["-p", one]),
      "--wait",
    ]);
    expect(Bun.file(`${workdir}/out.mp4`).size).toBeGreaterThan(1_000);
  });
}

if (has("jupyter", "nbconvert", "--version")) {
  test("jupyter-notebook runs every cell and keeps the output", async () => {
    const cell = {
      cell_type: "code",
      execution_count: null,
      metadata: {},
      outputs: [],
      source: "print(6 * 7)",
    };
    const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 4 };
    await file("notes/in.ipynb", JSON.stringify(notebook));
    const params = ["notebook=in.ipynb", "output=out.ipynb", `workdir=${person.home.join("notes")}`];
    const words = params.flatMap((one) => ["-p", one]);
    const run = await person.run(["template", "run", "jupyter-notebook", ...words, "--follow"]);
    expect(run).toMatchObject({ exitCode: 0 });
    const done = await Bun.file(person.home.join("notes/out.ipynb")).json();
    expect(done.cells[0].outputs[0].text).toEqual(["42\n"]);
  });
}

if (has("restic", "version")) {
  test("restic-backup creates its repository, backs up, and can run again", async () => {
    await file("kept/a", "x");
    const params = [
      `path=${person.home.join("kept")}`,
      `repository=${person.home.join("repository")}`,
      `passwordFile=${await file("password", "secret")}`,
    ];
    for (const _ of [1, 2]) {
      await person.get([
        "template",
        "run",
        "restic-backup",
        ...params.flatMap((one) => ["-p", one]),
        "--wait",
      ]);
    }
  });
}

test("a template can be created, viewed, edited, forked, run and deleted", async () => {
  const text =
    "name: greet\nparameters:\n  - {name: whom, type: string, required: true}\njob: {command: 'echo Hi {{whom}}'}\n";
  await file("greet.yaml", text);
  const id = await person.get(["template", "create", "--file", "greet.yaml"]);
  expect(id).toMatch(/^tpl_[0-9a-z]{26}$/);
  const run = await person.run(["template", "run", "greet", "--param", "whom=you; echo $(id)", "--follow"]);
  expect(run).toMatchObject({ exitCode: 0, stdout: "Hi you; echo $(id)\n" });
  const jobId = await person.get(["template", "run", "greet", "--param", "whom=x"]);
  expect(await person.job(jobId)).toMatchObject({ templateId: id, name: "greet" });

  // `template get` prints a file that creates the same template.
  await file("again.yaml", await person.get(["template", "get", "greet"]));
  expect((await person.run(["template", "edit", "greet", "--file", "again.yaml"])).stderr).toContain(
    "at version 1.",
  );
  await file("more.yaml", text.replace("Hi", "Hello"));
  expect((await person.run(["template", "edit", "greet", "--file", "more.yaml"])).stderr).toContain(
    "at version 2.",
  );
  const versions = JSON.parse(await person.get(["template", "versions", "greet", "--json"]));
  expect(versions.map((one: { version: number }) => one.version)).toEqual([2, 1]);
  expect(await person.get(["template", "get", "greet", "--version", "1"])).toContain("echo Hi {{whom}}");

  const fork = await person.get(["template", "fork", "git-clone-and-run", "--name", "mine"]);
  expect(await person.get(["template", "get", "mine"])).toMatch(
    new RegExp(`^# ${fork}, own, version 1 .*\n# forked from tpl_`),
  );
  expect(await person.get(["template", "list", "--own"])).toContain("mine");
  expect((await person.run(["template", "delete", "mine"])).exitCode).toBe(0);
  expect((await person.run(["template", "get", "mine"])).exitCode).toBe(66);
});

test("a job can be saved as a template, which runs it again", async () => {
  const jobId = await person.submit(["--env", "A=b", "--", "sh", "-c", "echo $A '{{x}}'"]);
  expect(await person.get(["job", "save-template", jobId, "--name", "saved"])).toMatch(/^tpl_/);
  expect(await person.get(["template", "run", "saved", "--follow"])).toBe("b {{x}}");
});

test("an error in a template or a value names its place, and stdout stays empty", async () => {
  await file(
    "bad.yaml",
    "name: bad\nparameters:\n  - {name: a, type: string}\njob:\n  command: echo $(cat {{a}})\n",
  );
  const bad = await person.run(["template", "create", "--file", "bad.yaml"]);
  expect(bad).toMatchObject({ exitCode: 65, stdout: "" });
  expect(bad.stderr).toContain("bad.yaml:5:3: job.command: {{a}}: it is in $(…)");
  const wrong = await person.run([
    "template",
    "run",
    "ffmpeg-transcode",
    "-p",
    "quality=best",
    "-p",
    "input=a",
  ]);
  expect(wrong).toMatchObject({ exitCode: 65, stdout: "" });
  expect(wrong.stderr).toContain("params.quality: must be a number");
  expect(wrong.stderr).toContain("params.output: is required");
  const builtin = await person.run(["template", "delete", "ffmpeg-transcode"]);
  expect(builtin.exitCode).toBe(77);
  expect(builtin.stderr).toContain("Fork it first");
  expect((await person.run(["template", "get", "nowhere"])).exitCode).toBe(66);
  expect((await person.run(["template", "run", "x", "-p", "novalue"])).exitCode).toBe(64);
  expect((await person.run(["template", "create", "--file", "missing.yaml"])).exitCode).toBe(66);
});
