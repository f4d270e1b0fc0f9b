import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { linuxTable, readProc } from "../../agent/process/process-table.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";

/** A shell starts a process in the background so that it ignores INT. */
const WORKFLOW = `
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: |
          sleep 60 &
          echo ready
          sleep 60
`;

test("a second Ctrl-C ends a run in this process at once, with processes that have lost their shell", async () => {
  await using scratch = await makeScratch();
  mkdirSync(scratch.join("tmp"));
  writeFileSync(scratch.join("wf.yml"), WORKFLOW);
  const env = { TMPDIR: scratch.join("tmp"), XDG_CACHE_HOME: scratch.join("cache") };
  await using run = new Running(scratch.path, ["workflow", "run", "wf.yml", "--here"], env);
  const sleepers = () => sleepersOf(scratch.path);
  // With one alone, a second signal could follow so quickly that the kernel makes one of the two.
  await waitFor("both to sleep", () => sleepers().length === 2, { seen: sleepers });
  run.process.kill("SIGINT");
  await waitFor("the shell to end", () => sleepers().length === 1, { seen: sleepers });
  expect(await run.stop("SIGINT", 5_000)).toBe(130);
  expect(sleepers()).toEqual([]);
  const left = readdirSync(scratch.join("tmp")).filter((name) => name.startsWith("tanvrit-workflow"));
  expect(left).toEqual([]);
});

test("a time limit stops the run, says so, and the next workflow does not begin", async () => {
  await using scratch = await makeScratch();
  for (const name of ["a", "b"])
    writeFileSync(scratch.join(`${name}.yml`), WORKFLOW.replace("sleep 60 &", ""));
  const args = ["workflow", "run", ".", "--here", "--timeout", "1"];
  const { exitCode, stdout, stderr } = await runProgram(scratch.path, args, {
    env: { XDG_CACHE_HOME: scratch.join("cache") },
  });
  expect(exitCode).toBe(124);
  expect(stdout.match(/^ready$/gm)?.length ?? 0).toBeLessThan(2);
  expect(stderr).toEndWith("tanvrit-compute: stopped: the time limit of 1 s is over.\n");
});

function sleepersOf(directory: string): number[] {
  const sleepers = linuxTable().filter(({ name }) => name === "sleep");
  return sleepers.map(({ pid }) => pid).filter((pid) => readProc(pid, "environ").includes(directory));
}
