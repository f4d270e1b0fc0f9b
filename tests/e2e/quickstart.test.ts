import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { processesWithVariable } from "../support/processes.ts";
import { program, programEnv, Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";

const RUN_LIMIT_MS = 60_000;

test("quickstart shows a job's live log and result, twice in a row, and leaves nothing behind", async () => {
  for (let run = 0; run < 2; run++) {
    await using scratch = await makeScratch();
    const env = { TMPDIR: scratch.path };
    const { exitCode, stdout, stderr } = await runProgram(scratch.path, ["quickstart"], {
      env,
      timeoutMs: RUN_LIMIT_MS,
    });
    expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("$ tanvrit-compute server --port 0");
    expect(stdout).toMatch(/^job_[0-9a-z]{26}$/m);
    expect(stdout).toMatch(/^step 1 of 3/m);
    expect(stdout).toMatch(/SUCCESS/);
    expect(stdout).toMatch(/a portal, a web app at its own address \(here http:\/\/127\.0\.0\.1:\d+\/\)/);
    expect(processesWithVariable("TMPDIR", scratch.path)).toEqual([]);
    expect(await readdir(scratch.path)).toEqual([]);
  }
});

test("an interrupted quickstart stops everything, removes its directory and exits 130", async () => {
  await using scratch = await makeScratch();
  await using running = new Running(scratch.path, ["quickstart"], { TMPDIR: scratch.path });
  await waitFor("the job to run", () => running.stdout.includes("step 1 of 3"), { timeoutMs: 30_000 });
  expect(await running.stop("SIGINT", 30_000)).toBe(130);
  expect(processesWithVariable("TMPDIR", scratch.path)).toEqual([]);
  expect(await readdir(scratch.path)).toEqual([]);
});

test("a quickstart whose output is read only in part leaves nothing behind either", async () => {
  await using scratch = await makeScratch();
  const script = '{ "$@" quickstart; echo $? >&2; } | sed "/listening/q"';
  const run = Bun.spawn(["sh", "-c", script, "sh", ...program()], {
    env: programEnv(scratch.path, { TMPDIR: scratch.path }),
    stdout: "ignore",
    stderr: "pipe",
  });
  expect(await within(RUN_LIMIT_MS, "its end", new Response(run.stderr).text())).toEndWith("141\n");
  expect(processesWithVariable("TMPDIR", scratch.path)).toEqual([]);
  expect(await readdir(scratch.path)).toEqual([]);
});
