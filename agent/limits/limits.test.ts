import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startJob } from "../../tests/support/agent/shell-jobs.ts";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import type { TaskExit } from "../executors/port/executor.ts";
import { ShellExecutor } from "../executors/shell/shell-executor.ts";
import { processesOf } from "../process/marks.ts";
import { CgroupEnforcer } from "./cgroup-enforcer.ts";
import { findCgroupV1 } from "./cgroup-v1.ts";
import type { LimitEnforcer } from "./limit-enforcer.ts";
import { SamplingEnforcer } from "./sampling-enforcer.ts";

const { path: dir } = forAllTests(await makeScratch());

/** Holds this many MiB in one process, and stays, because nobody reads its output. */
const held = (mib: number) => `head -c ${mib}m /dev/zero | tail -c ${mib}m | { sleep 30; cat; } >/dev/null`;

const v1 = findCgroupV1();
const enforcers: [string, (() => LimitEnforcer) | undefined][] = [
  ["control groups, version 1", v1 && (() => new CgroupEnforcer(v1, new SamplingEnforcer()))],
  ["samples", () => new SamplingEnforcer()],
];

for (const [name, makeEnforcer] of enforcers) {
  describe.skipIf(makeEnforcer === undefined)(`jobs limited by ${name}`, () => {
    const executor = new ShellExecutor(async () => (makeEnforcer ?? (() => new SamplingEnforcer()))());

    async function timed(command: string | string[], limits: Parameters<typeof startJob>[3]) {
      const startMs = performance.now();
      const job = await startJob(executor, dir, { command }, limits);
      const exit: TaskExit = await job.task.wait();
      return { ...job, exit, usage: job.task.usage(), tookMs: performance.now() - startMs };
    }

    test("files that a job maps do not count against its memory limit", async () => {
      const map = `const bytes = Bun.mmap("f"); let sum = 0;
        const touch = () => { for (let at = 0; at < bytes.length; at += 4096) sum += bytes[at]; };
        touch(); await Bun.sleep(500); touch(); console.log("mapped");`;
      const command = `head -c 300m /dev/zero >f; '${process.execPath}' -e '${map}'`;
      const job = await timed(command, { memoryMb: 256 });
      expect(job.stdout()).toContain("mapped");
      expect(job.exit).toEqual({ exitCode: 0 });
    });

    test("four busy processes get the one core that they may use, as far as the machine has it free", async () => {
      let share = 0;
      for (let i = 0; i < 3 && share <= 0.5; i++) share = Math.max(share, await shareOfTheirCore());
      expect(share).toBeGreaterThan(0.5);
    });

    /** The share of a core that an unlimited process gets shows how busy the machine is otherwise. */
    async function shareOfTheirCore(): Promise<number> {
      const startMs = performance.now();
      const burn = "while :; do :; done &";
      const free = await startJob(executor, dir, { command: "while :; do :; done" }, {});
      const command = `${burn} ${burn} ${burn} ${burn} sleep 3`;
      const job = await startJob(executor, dir, { command }, { cpu: 1 });
      await job.task.wait();
      const tookSeconds = (performance.now() - startMs) / 1_000;
      free.task.stop(0);
      await free.task.wait();
      const [used = 0, freely = 0] = [job, free].map(({ task }) => task.usage().cpuSeconds);
      return used / Math.min(tookSeconds, freely);
    }

    test("a job that stays below its limits does not notice them", async () => {
      const job = await timed(["env"], { cpu: 1, memoryMb: 256, pids: 100 });
      const free = await timed(["env"], {});
      expect(job.exit).toEqual({ exitCode: 0 });
      const names = (text: string) =>
        text
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort();
      expect(names(job.stdout())).toEqual(names(free.stdout()));
      expect(job.stderr()).toBe("");
      expect(job.system).toEqual([]);
      expect(job.usage.cpuSeconds).toBeGreaterThan(0);
    });

    test("a command that cannot be started says why, with limits and without", async () => {
      for (const [command, workdir] of [
        [["no-such-program"], undefined],
        [["/etc/passwd"], undefined],
        [["true"], "missing"],
      ] as [string[], string | undefined][]) {
        const manifest = { command, ...(workdir && { workdir }) };
        const failures = await Promise.all(
          [{}, { memoryMb: 64 }].map((limits) =>
            startJob(executor, dir, manifest, limits).catch((error) => error),
          ),
        );
        expect(failures[0]).toBeInstanceOf(Error);
        expect(failures[1].message).toBe(failures[0].message);
      }
    });

    test("the usage of a job is known after its end, including a short peak", async () => {
      const job = await timed(`${held(40).replace("sleep 30", "sleep 1.5")}; sleep 0.1`, { memoryMb: 400 });
      expect(job.exit).toEqual({ exitCode: 0 });
      expect(job.usage.peakMemoryMb).toBeGreaterThan(39);
      expect(job.usage.peakMemoryMb).toBeLessThan(200);
    });

    test("a job that starts too many processes is ended, or the kernel refuses the rest", async () => {
      const job = await timed("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1.5 & done; wait", { pids: 5 });
      if (job.exit.exceeded) expect(job.exit.exceeded).toMatchObject({ limit: "pids", allowed: 5 });
      else
        expect(job.system.join()).toMatch(
          /its limit of 5 processes and threads; \d+ more (was|were) not started/,
        );
    });

    test("a process that leaps from session to session does not outlive the job", async () => {
      const script = join(dir, "leap.sh");
      await Bun.write(script, '[ $1 -gt 200 ] && exec sleep 30; env -i setsid sh "$0" $(($1 + 1)) &\n');
      for (const seconds of ["0.05", "0.1", "0.15", "0.2", "0.25"]) {
        const job = await timed(`sh '${script}' 0; sleep ${seconds}`, { memoryMb: 64 });
        expect(job.exit).toEqual({ exitCode: 0 });
        expect(processesOf(new Set([job.executionId]))).toEqual([]);
      }
    });

    test("recovering a job ends it, and leaves no group", async () => {
      const job = await startJob(
        executor,
        dir,
        { command: "setsid env -i sleep 600 & echo up; sleep 600" },
        { pids: 50 },
      );
      await job.said("up");
      await executor.recover([job.executionId]);
      await executor.recover([job.executionId]);
      expect(await job.task.wait()).toMatchObject({ signal: "SIGKILL" });
      expect(v1?.find(job.executionId)).toBeUndefined();
    });
  });
}
