import { expect, test } from "bun:test";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const CI = `name: CI
on:
  push:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low, required: true}
jobs:
  build:
    runs-on: [self-hosted, "\${{ vars.SIZE }}"]
    steps:
      - uses: ./tool
  test:
    name: Test \${{ matrix.on }}
    needs: build
    runs-on: ubuntu-latest
    strategy: {matrix: {on: [a]}}
    steps: [{run: "true"}]
`;

/** A repository whose files are these, and the program run somewhere in it. */
async function repository(files: Record<string, string>) {
  const scratch = await makeScratch();
  for (const [path, text] of Object.entries(files)) await Bun.write(scratch.join(path), text);
  expect(await Bun.spawn(["git", "init", "-q", scratch.path]).exited).toBe(0);
  return {
    scratch,
    run: (args: string[], below = ".") => runProgram(scratch.join(below), ["workflow", ...args]),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

const TOOL = "runs: {using: composite, steps: [{run: x, shell: sh}]}";
const right = { ".github/workflows/ci.yml": CI, "tool/action.yml": TOOL, "src/a.c": "" };

test("workflow lint checks the workflows of the repository around a directory", async () => {
  await using own = await repository(right);
  for (const below of [".", "src"]) {
    const { exitCode, stdout, stderr } = await own.run(["lint"], below);
    expect([exitCode, stdout, stderr]).toEqual([0, "", "1 file: ok\n"]);
  }
  const { exitCode, stdout } = await own.run(["lint", "--json", ".github/workflows/ci.yml"]);
  expect([exitCode, stdout]).toEqual([0, '{"errors":[]}\n']);
});

test("all mistakes are shown at once, also those of actions and called workflows, and the exit code is 65", async () => {
  await using own = await repository({
    ...right,
    ".github/workflows/call.yml":
      "on: push\njobs:\n  a:\n    uses: ./.github/workflows/called.yml\n  b:\n    needs: c\n    runs-on: x\n    steps:\n      - run: |\n          echo\n          echo ${{ foo.bar }}\n",
    ".github/workflows/called.yml":
      "on: {workflow_call: {inputs: {v: {type: string, required: true}}}}\njobs: {}\n",
    "tool/action.yml": "runs: {using: composite, steps: [{run: x}]}",
  });
  const { exitCode, stdout } = await own.run(["lint"]);
  expect(exitCode).toBe(65);
  const lines = stdout.split("\n");
  expect(lines.filter((line) => /^\S/.test(line)).sort()).toEqual([
    ".github/workflows/call.yml:11:20: Unrecognized named-value: 'foo'",
    ".github/workflows/call.yml:4:11: Input v is required, but not provided while calling ./.github/workflows/called.yml",
    ".github/workflows/call.yml:6:12: Job 'b' depends on unknown job 'c'",
    ".github/workflows/called.yml:2:7: The workflow has no jobs",
    "tool/action.yml:1:34: Required property is missing: shell",
  ]);
  const file = own.scratch.join(".github/workflows/call.yml");
  const json = await own.run(["lint", "--json", file]);
  expect(json.exitCode).toBe(65);
  const { errors } = JSON.parse(json.stdout);
  expect(errors).toContainEqual({
    file,
    line: 6,
    column: 12,
    message: "Job 'b' depends on unknown job 'c'",
    hint: "Other jobs: a.",
  });
});

test("a file that is no UTF-8, a path that is not there, and a directory without workflows", async () => {
  await using own = await repository({ "empty/x.txt": "" });
  await Bun.write(own.scratch.join("latin.yml"), Buffer.from("on: push\nname: \xe4\n", "latin1"));
  const latin = await own.run(["lint", "latin.yml"]);
  expect([latin.exitCode, latin.stdout]).toEqual([
    65,
    "latin.yml:2:7: This is not UTF-8\n    Save the file as UTF-8.\n",
  ]);
  expect((await own.run(["lint", "nothing.yml"])).exitCode).toBe(66);
  expect((await own.run(["lint", "empty"])).exitCode).toBe(66);
});

test("workflow list shows events, jobs and inputs", async () => {
  await using own = await repository(right);
  const { stdout } = await own.run(["list"], "src");
  expect(stdout).toContain("push, workflow_dispatch");
  expect(stdout).toContain("build, test (after build)");
  expect(stdout).toContain("level*: choice = low");
  const json = await own.run(["list", "--repo", own.scratch.path, "--json"]);
  expect(JSON.parse(json.stdout)).toEqual([
    {
      file: own.scratch.join(".github/workflows/ci.yml"),
      problems: 0,
      name: "CI",
      events: ["push", "workflow_dispatch"],
      jobs: [
        { id: "build", name: "build", needs: [], runsOn: ["self-hosted", "${{ vars.SIZE }}"] },
        { id: "test", name: "Test ${{ matrix.on }}", needs: ["build"], runsOn: "ubuntu-latest" },
      ],
      inputs: [
        {
          event: "workflow_dispatch",
          name: "level",
          type: "choice",
          required: true,
          default: "low",
          options: ["low", "high"],
        },
      ],
    },
  ]);
});

test("job validate checks the workflow of a job file, which brings its repository", async () => {
  await using own = await repository(right);
  const { scratch } = own;
  const validate = async (more: string) => {
    await Bun.write(scratch.join("job.yaml"), `type: GITHUB_ACTION\nworkflow: {path: ${more}}\n`);
    return runProgram(scratch.path, ["job", "validate", "job.yaml"]);
  };
  const valid = await validate(".github/workflows/ci.yml, event: workflow_dispatch, inputs: {level: high}");
  expect([valid.exitCode, valid.stderr]).toEqual([0, expect.stringContaining("of the repository")]);
  const wrong = await validate(".github/workflows/ci.yml, event: workflow_dispatch, inputs: {level: x}");
  expect([wrong.exitCode, wrong.stderr]).toEqual([
    65,
    expect.stringContaining("ci.yml:6:14: The input 'level'"),
  ]);
  expect((await validate("nothing.yml")).exitCode).toBe(66);
  expect((await validate("ci.yml, clone: {url: 'https://github.com/o/r'}")).exitCode).toBe(0);
});
