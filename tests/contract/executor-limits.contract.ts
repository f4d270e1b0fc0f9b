import { expect, test } from "bun:test";
import type { TaskGpu } from "../../agent/executors/port/executor.ts";
import type { LimitEnforcement } from "../../agent/limits/limit-enforcer.ts";
import type { TaskLimits, TaskUsage } from "../../agent/limits/limits.ts";
import { quickest, waitFor } from "../support/wait.ts";
import { AGENT_SECRET, type ExecutorUnderTest, type Script, Stage, type Started } from "./executor-stage.ts";

/** How long a job that exceeds its memory may live, counted from its first allocation. */
const OVER_MEMORY_LIMIT_MS = 2_000;
const MEMORY_MB = 64;
/** One core, plus the excess that a cap may let through. */
const CORES_ALLOWED = 1.15;
const BURN_SECONDS = 3;
const PIDS = 24;
const CHILDREN = 80;

/** Allocates 320 MiB, one MiB at a time, and keeps it for a while. */
const hog: Script = {
  sh: `echo ready; while [ ! -e go ]; do sleep 0.02; done
    exec awk 'BEGIN { s = "0123456789abcdef"; while (length(s) < 1048576) s = s s
      for (i = 0; i < 320; i++) a[i] = s i; print "full"; fflush(); system("sleep 10") }'`,
  play: { says: [["stdout", "ready\n"]] },
  onGo: { says: [["stdout", "full\n"]], exit: { exitCode: 0 } },
};
const patient: Script = {
  sh: "echo ready; while [ ! -e go ]; do sleep 0.02; done; echo lived",
  play: { says: [["stdout", "ready\n"]] },
  onGo: { says: [["stdout", "lived\n"]], exit: { exitCode: 0 } },
};
/** Burns four threads and prints their CPU time: the second line of `times` is that of the children. */
const burner: Script = {
  sh: `i=0; while [ $i -lt 4 ]; do sh -c 'while :; do :; done' & p="$p $!"; i=$((i+1)); done
    echo ready; sleep ${BURN_SECONDS}; kill $p; wait; times`,
  play: {
    says: [["stdout", "ready\n0m0.0s 0m0.0s\n0m4.0s 0m0.0s\n"]],
    exit: { exitCode: 0 },
    usage: { cpuSeconds: 4 },
  },
};
/**
 * Each child prints that it is alive; a shell that cannot fork exits. The children live long enough to be counted on a
 * busy machine.
 */
const forker: Script = {
  sh: `i=0; while [ $i -lt ${CHILDREN} ]; do (echo alive; exec sleep 60) & i=$((i+1)); done; sleep 5; echo all`,
  play: { says: [["stdout", `${"alive\n".repeat(CHILDREN)}all\n`]], exit: { exitCode: 0 } },
};

/**
 * Limits, usage, and what a job sees. If an executor cannot enforce a limit, it says so and does not pretend otherwise.
 */
export function executorLimitsContract(make: () => Promise<ExecutorUnderTest>): void {
  limits(make);
  usage(make);
  environment(make);
}

function limits(make: () => Promise<ExecutorUnderTest>): void {
  test("memory: a job over its limit is ended, with cap and peak reported, and its neighbour lives on", async () => {
    await using stage = await Stage.open(make);
    const limits = { memoryMb: MEMORY_MB };
    const neighbour = await stage.start(patient, { limits });
    await neighbour.said("ready");
    const tookMs = await quickest(OVER_MEMORY_LIMIT_MS, () => takesTooMuch(stage, limits));
    expect(tookMs).toBeLessThan(OVER_MEMORY_LIMIT_MS);
    await neighbour.go();
    expect(await neighbour.ended()).toEqual({ exitCode: 0 });
    expect(neighbour.stdout).toBe("ready\nlived\n");
  });

  test("memory: many processes count together, and none of them survives", async () => {
    await using stage = await Stage.open(make);
    const one = `awk 'BEGIN { s = "0123456789abcdef"; while (length(s) < 1048576) s = s s
        for (i = 0; i < 40; i++) a[i] = s i; print "full"; fflush(); system("sleep 300") }'`;
    const script: Script = {
      sh: `${one} & ${one} & ${one} & ${one} & wait`,
      play: { says: [["stdout", "full\nfull\nfull\nfull\n"]], exit: { exitCode: 0 } },
    };
    const started = await stage.start(script, { limits: { memoryMb: 100 } });
    if ((await enforcement(stage)).memory === "none") await notEnforced(started, "full\nfull\nfull\nfull\n");
    else expect((await started.ended()).exceeded).toMatchObject({ limit: "memoryMb", allowed: 100 });
  });

  test("cpu: four busy threads share one core, by their own count and by ours", async () => {
    await using stage = await Stage.open(make);
    const { cpu } = await enforcement(stage);
    let burnt = 0;
    // A machine that is too busy to give them a core proves nothing.
    for (let i = 0; i < 3 && burnt <= 0.5; i++) {
      const started = await stage.start(burner, { limits: { cpu: 1 } });
      await started.said("ready");
      const startMs = performance.now();
      expect(await started.ended()).toEqual({ exitCode: 0 });
      const seconds = (performance.now() - startMs) / 1_000;
      burnt = childSeconds(started.stdout);
      if (cpu !== "none") expect(burnt / seconds).toBeLessThanOrEqual(CORES_ALLOWED);
      const { cpuSeconds } = started.running.usage();
      if (cpuSeconds !== undefined) expect(Math.abs(cpuSeconds - burnt)).toBeLessThan(0.5 + burnt * 0.1);
    }
    expect(burnt).toBeGreaterThan(0.5);
  });

  test("pids: there are never more than allowed", async () => {
    await using stage = await Stage.open(make);
    const { pids } = await enforcement(stage);
    const started = await stage.start(forker, { limits: { pids: PIDS } });
    if (pids === "none") return await notEnforced(started, "all");
    const exit = await started.ended();
    expect(exit.exitCode).not.toBe(0);
    expect(started.stdout).not.toContain("all");
    if (exit.exceeded) expect(exit.exceeded).toMatchObject({ limit: "pids", allowed: PIDS });
    if (pids === "sampling") expect(exit.exceeded).toBeDefined();
    else expect(started.stdout.split("alive").length - 1).toBeLessThanOrEqual(PIDS);
    expect(await stage.remains(started.executionId)).toEqual([]);
  });

  test("all limits together do not disturb a job that respects them", async () => {
    await using stage = await Stage.open(make);
    const script: Script = {
      sh: "for i in 1 2 3; do echo $i; done; echo err >&2; (exit 9)",
      play: {
        says: [
          ["stdout", "1\n2\n3\n"],
          ["stderr", "err\n"],
        ],
        exit: { exitCode: 9 },
      },
    };
    const all: TaskLimits = { cpu: 0.5, memoryMb: 64, pids: 50 };
    const { exit, started } = await stage.run(script, { limits: all });
    expect(exit).toEqual({ exitCode: 9 });
    expect(started.stdout).toBe("1\n2\n3\n");
    expect(started.stderr).toBe("err\n");
    expect(await stage.remains(started.executionId)).toEqual([]);
  });
}

function usage(make: () => Promise<ExecutorUnderTest>): void {
  test("usage of a task can be read at any time, and does not change after the end", async () => {
    await using stage = await Stage.open(make);
    const script: Script = {
      sh: `awk 'BEGIN { for (i = 0; i < 3000000; i++) n += i }'
          echo ready; while [ ! -e go ]; do sleep 0.02; done`,
      play: { says: [["stdout", "ready\n"]], usage: { cpuSeconds: 0.2, peakMemoryMb: 2 } },
      onGo: { exit: { exitCode: 0 } },
    };
    const started = await stage.start(script);
    const usages: TaskUsage[] = [started.running.usage()];
    await started.said("ready");
    usages.push(started.running.usage());
    const sample = await waitFor("what it uses now", () => started.running.sample());
    expect(sample.memoryMb).toBeGreaterThan(0);
    expect(sample.cpuSeconds).toBeGreaterThanOrEqual(0);
    await started.go();
    await started.ended();
    expect(started.running.sample()).toBeUndefined();
    const final = started.running.usage();
    for (const one of [...usages, final]) {
      expect(Object.keys(one).filter((key) => key !== "cpuSeconds" && key !== "peakMemoryMb")).toEqual([]);
      for (const value of Object.values(one)) expect(value ?? 0).toBeGreaterThanOrEqual(0);
    }
    expect(final.cpuSeconds).toBeGreaterThan(0.02);
    expect(final.cpuSeconds).toBeLessThan(60);
    started.running.stop(0);
    expect(started.running.usage()).toEqual(final);
    expect(await started.running.wait()).toEqual({ exitCode: 0 });
  });
}

function environment(make: () => Promise<ExecutorUnderTest>): void {
  test("a job sees its own variables and its ids, which it cannot overwrite, and nothing of the agent's environment", async () => {
    await using stage = await Stage.open(make);
    const hostile = "a=b $HOME 'q' \"d\" \\ ü";
    const env = {
      EPOCHS: "3",
      HOSTILE: hostile,
      EMPTY: "",
      TANVRIT_JOB_ID: "x",
      TANVRIT_EXECUTION_ID: "y",
    };
    const script: Script = { sh: "env", play: { exit: { exitCode: 0 } } };
    const { started } = await stage.run(script, { manifest: { name: "n", env } });
    const seen = stage.under.environmentOf?.(started.task) ?? variables(started.stdout);
    expect(seen).toMatchObject({ EPOCHS: "3", HOSTILE: hostile, EMPTY: "" });
    const own = Object.entries(seen).filter(([name]) => name.startsWith("TANVRIT_"));
    expect(Object.fromEntries(own)).toEqual({
      TANVRIT_JOB_DIR: expect.any(String),
      TANVRIT_JOB_ID: started.task.assignment.jobId,
      TANVRIT_EXECUTION_ID: started.executionId,
      TANVRIT_ATTEMPT: "1",
      TANVRIT_JOB_NAME: "n",
      TANVRIT_RESULTS: expect.any(String),
    });
    expect(JSON.stringify(seen)).not.toContain(AGENT_SECRET.value);
    expect(seen.PATH).toMatch(/\/bin/);
  });

  test("GPUs: a job sees only the GPUs it was given, or fails if it cannot have any", async () => {
    await using stage = await Stage.open(make);
    const given: TaskGpu[] = [
      { vendor: "nvidia", index: 1, uuid: "GPU-0000-1" },
      { vendor: "nvidia", index: 3, uuid: "GPU-0000-3" },
    ];
    const script: Script = { sh: "env", play: { exit: { exitCode: 0 } } };
    if (!stage.under.traits.givesGpus) {
      // An executor without GPUs must not run the job as if it had some.
      const outcome = await stage.run(script, { gpus: given }).catch((error) => error);
      expect(outcome.name ?? variables(outcome.started.stdout).CUDA_VISIBLE_DEVICES).not.toBe(
        "GPU-0000-1,GPU-0000-3",
      );
      return;
    }
    const { started } = await stage.run(script, { gpus: given });
    const seen = stage.under.environmentOf?.(started.task) ?? variables(started.stdout);
    expect(seen.CUDA_VISIBLE_DEVICES).toBe("GPU-0000-1,GPU-0000-3");
  });
}

async function enforcement(stage: Stage): Promise<LimitEnforcement> {
  await stage.executor.probe();
  return stage.executor.enforcement();
}

/** How long a job that exceeds its memory lives, if the limit is enforced. */
async function takesTooMuch(stage: Stage, limits: TaskLimits): Promise<number> {
  const started = await stage.start(hog, { limits });
  await started.said("ready");
  const { memory } = await enforcement(stage);
  const startMs = performance.now();
  await started.go();
  if (memory === "none") {
    await notEnforced(started, "full");
    return 0;
  }
  const exit = await started.ended();
  const tookMs = performance.now() - startMs;
  expect(exit.exceeded).toMatchObject({ limit: "memoryMb", allowed: MEMORY_MB });
  const { peak } = exit.exceeded ?? {};
  if (peak !== undefined) expect(peak).toBeGreaterThanOrEqual(MEMORY_MB * 0.95);
  // Sampling sees it only after it has allocated the memory.
  expect(started.stdout).toBeOneOf(memory === "kernel" ? ["ready\n"] : ["ready\n", "ready\nfull\n"]);
  expect(await stage.remains(started.executionId)).toEqual([]);
  return tookMs;
}

/** The job does what the limit would forbid, and no exceeded limit is reported. */
async function notEnforced(started: Started, text: string): Promise<void> {
  await started.said(text);
  started.running.stop(0);
  expect((await started.ended()).exceeded).toBeUndefined();
}

function variables(text: string): Record<string, string> {
  const pairs = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(pairs.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
}

/** User and system time of the children, as `times` prints it: `0m1.23s 0m0.01s`. */
function childSeconds(stdout: string): number {
  const times = [...(stdout.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}
