import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../../shared/ids.ts";
import type { JobManifestInput } from "../../../shared/manifest.ts";
import { assignmentOf } from "../../../tests/support/agent/assignment.ts";
import { quickest, waitFor } from "../../../tests/support/wait.ts";
import type { TaskUsage } from "../../limits/limits.ts";
import { allowedEnvironment } from "../../process/environment.ts";
import { processesOf } from "../../process/marks.ts";
import { processStat } from "../../process/process-table.ts";
import { type RunningTask, StartFailedError, type TaskExit } from "../port/executor.ts";
import { ShellExecutor } from "./shell-executor.ts";

const dir = mkdtempSync(join(tmpdir(), "shell-"));
const executor = new ShellExecutor();
const environment = allowedEnvironment({ ...process.env, TANVRIT_TOKEN: "secret", LC_TIME: "C" });
afterAll(async () => {
  await executor.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Shorter than the time for which an output is read that a foreign process holds open. */
const HELD_MS = 1_000;

interface Started {
  task: RunningTask;
  executionId: string;
  text: { stdout: string; stderr: string };
  /** Resolves when the output so far contains this. */
  said(text: string): Promise<void>;
}

async function start(manifest: JobManifestInput): Promise<Started> {
  const executionId = newId("exe");
  const text = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const task = await executor.start(
    {
      nodeId: newId("node"),
      limits: {},
      gpus: [],
      environment,
      assignment: assignmentOf(manifest, executionId),
      dir,
      output: {
        write(stream, bytes) {
          text[stream] += Buffer.from(bytes).toString();
          for (const listener of listeners) listener();
          return undefined;
        },
        system: () => {},
      },
    },
    new AbortController().signal,
  );
  const said = (wanted: string) =>
    new Promise<void>((resolve) => {
      const check = () => text.stdout.includes(wanted) && resolve();
      listeners.add(check);
      check();
    });
  return { task, executionId, text, said };
}

async function run(
  manifest: JobManifestInput,
): Promise<{ exit: TaskExit; stdout: string; stderr: string; tookMs: number; usage: TaskUsage }> {
  const startMs = performance.now();
  const { task, text } = await start(manifest);
  const exit = await task.wait();
  return { exit, ...text, tookMs: performance.now() - startMs, usage: task.usage() };
}

async function untilNoneIsLeft(executionId: string): Promise<void> {
  const isGone = () => processesOf(new Set([executionId])).length === 0;
  await waitFor("its processes to be gone", isGone, { timeoutMs: 4_000 });
}

describe("the shell executor", () => {
  test("reads both streams whole and reports the exit code", async () => {
    const result = await run({ command: "echo out; echo err >&2; exit 3" });
    expect(result).toMatchObject({ exit: { exitCode: 3 }, stdout: "out\n", stderr: "err\n" });
    expect(result.usage.cpuSeconds).toBeGreaterThan(0);
  });

  test("runs a list as the argument vector, without a shell", async () => {
    expect((await run({ command: ["printf", "%s|", "a b", "$HOME", "*"] })).stdout).toBe("a b|$HOME|*|");
  });

  test("gives jobs real pipes, which can be opened by name", async () => {
    expect((await run({ command: "echo hi > /dev/stdout; echo there > /dev/stderr" })).stdout).toBe("hi\n");
  });

  test("reports the signal that ended the command", async () => {
    expect((await run({ command: "kill -SEGV $$" })).exit).toEqual({ signal: "SIGSEGV" });
    expect((await run({ command: "kill -40 $$" })).exit).toEqual({ signal: "SIG40" });
  });

  test("does not wait for a background child that keeps stdout open", async () => {
    const tookMs = await quickest(HELD_MS, async () => {
      const { task, text, executionId } = await start({ command: "sleep 600 & echo done" });
      const startMs = performance.now();
      expect(await task.wait()).toEqual({ exitCode: 0 });
      const endMs = performance.now();
      expect(text.stdout).toBe("done\n");
      expect(processesOf(new Set([executionId]))).toEqual([]);
      return endMs - startMs;
    });
    expect(tookMs).toBeLessThan(HELD_MS);
  });

  test("finds a child that holds stdout in a session of its own", async () => {
    const { task, text, executionId } = await start({ command: "setsid sleep 600 & echo done" });
    expect(await task.wait()).toEqual({ exitCode: 0 });
    expect(text.stdout).toBe("done\n");
    expect(processesOf(new Set([executionId]))).toEqual([]);
  });

  test("ends a process that hides its origin and holds stdout, with its job", async () => {
    const hidden = "env -i PATH=$PATH setsid sh -c 'echo $$; echo up > ready; exec sleep 600'";
    const command = `rm -f ready; mkfifo ready; ${hidden} & read up < ready`;
    const tookMs = await quickest(HELD_MS, async () => {
      const { task, text, said } = await start({ command });
      await said("\n");
      const startMs = performance.now();
      expect(await task.wait()).toEqual({ exitCode: 0 });
      expect(processStat(Number(text.stdout))).toBeUndefined();
      return performance.now() - startMs;
    });
    expect(tookMs).toBeLessThan(HELD_MS);
  });

  test("ends a daemon that closed all its files, soon after its job", async () => {
    const { task, executionId } = await start({
      command: "(setsid sleep 600 </dev/null >/dev/null 2>&1 &) ; exit 0",
    });
    await task.wait();
    await untilNoneIsLeft(executionId);
  });

  test("stop lets a command that handles TERM clean up", async () => {
    const { task, text, said } = await start({
      command: "trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
    });
    await said("ready");
    task.stop(10_000);
    expect(await task.wait()).toEqual({ exitCode: 7 });
    expect(text.stdout).toBe("ready\ncleaned\n");
  });

  test("stop sends the job's own stop signal, even a signal without a name", async () => {
    for (const [stopSignal, number] of [
      ["INT", 2],
      ["rtmin+3", 37],
    ] as const) {
      const { task, text, said } = await start({
        command: `trap 'echo cleaned; exit 7' ${number}; trap 'exit 1' TERM; echo ready; while :; do sleep 0.05; done`,
        stopSignal,
      });
      await said("ready");
      task.stop(10_000);
      expect(await task.wait()).toEqual({ exitCode: 7 });
      expect(text.stdout).toBe("ready\ncleaned\n");
    }
  });

  test("stop reaches every process of the job, in any session, even a stopped one", async () => {
    const child = (name: string) =>
      `sh -c 'trap "echo ${name} heard; exit 0" TERM; echo ${name}; kill -STOP $$; while :; do sleep 0.02; done'`;
    const { task, text, said } = await start({
      command: `trap : TERM; ${child("near")} & setsid ${child("far")} & wait; wait`,
    });
    await Promise.all([said("near"), said("far")]);
    task.stop(3_000);
    expect(await task.wait()).toEqual({ exitCode: 0 });
    expect(text.stdout).toContain("near heard");
    expect(text.stdout).toContain("far heard");
  });

  test("after the grace, stop kills a command that ignores TERM, with all its children", async () => {
    const { task, said, executionId } = await start({
      command: "trap '' TERM; setsid sleep 600 & sleep 600 & echo ready; wait; sleep 600",
    });
    await said("ready");
    const startMs = performance.now();
    task.stop(200);
    expect(await task.wait()).toEqual({ signal: "SIGKILL" });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(190);
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(processesOf(new Set([executionId]))).toEqual([]);
  });

  test("a second stop can shorten the grace", async () => {
    const { task, said } = await start({ command: "trap '' TERM; echo ready; sleep 600" });
    await said("ready");
    task.stop(600_000);
    task.stop(0);
    expect(await task.wait()).toEqual({ signal: "SIGKILL" });
  });

  test("a job sees the allowed part of the agent's environment, its own variables, and its ids", async () => {
    const { stdout } = await run({ name: "n", command: ["env"], env: { EPOCHS: "3", TANVRIT_JOB_ID: "x" } });
    const names = stdout.split("\n").map((line) => line.split("=")[0] ?? "");
    expect(names).toContain("PATH");
    expect(names).toContain("LC_TIME");
    expect(stdout).toContain("EPOCHS=3\n");
    expect(stdout).toMatch(/TANVRIT_JOB_ID=job_/);
    expect(stdout).toContain("TANVRIT_JOB_NAME=n\n");
    expect(names.filter((name) => name.startsWith("TANVRIT_")).sort()).toEqual([
      "TANVRIT_ATTEMPT",
      "TANVRIT_EXECUTION_ID",
      "TANVRIT_JOB_DIR",
      "TANVRIT_JOB_ID",
      "TANVRIT_JOB_NAME",
      "TANVRIT_RESULTS",
    ]);
    expect(stdout).not.toContain("secret");
  });

  test("runs in the job's directory, or in the workdir below it", async () => {
    expect((await run({ command: "pwd" })).stdout.trim()).toEndWith(dir);
    expect((await run({ command: "pwd", workdir: "/" })).stdout).toBe("/\n");
  });

  test("if a command cannot be started, the error names it and says why", async () => {
    const text = join(dir, "notes.txt");
    writeFileSync(text, "x");
    const script = join(dir, "strange.sh");
    writeFileSync(script, "#!/no/such/shell\n", { mode: 0o700 });
    const cases: [JobManifestInput, RegExp][] = [
      [{ command: ["no-such-program", "x"] }, /no-such-program was not found/],
      [{ command: ["./backup.sh"] }, /no \.\/backup\.sh in .*, where the command starts: a fresh directory/],
      [{ command: ["/nowhere/backup.sh"] }, /no \/nowhere\/backup\.sh on this node/],
      [{ command: [script] }, /strange\.sh exists, but its interpreter or loader does not/],
      [{ command: [text] }, /notes\.txt may not be executed/],
      [{ command: "true", workdir: "missing" }, /working directory .*missing does not exist/],
      [{ command: "true", workdir: text }, /notes\.txt is not a directory/],
    ];
    chmodSync(text, 0o600);
    for (const [manifest, message] of cases) {
      const failure = await start(manifest).catch((error) => error);
      expect(failure).toBeInstanceOf(StartFailedError);
      expect(failure.message).toMatch(message);
    }
  });

  test("ends what an earlier process left behind", async () => {
    const { task, executionId, said } = await start({ command: "trap '' TERM; echo ready; sleep 600" });
    await said("ready");
    await executor.recover([executionId]);
    expect(await task.wait()).toEqual({ signal: "SIGKILL" });
  });
});
