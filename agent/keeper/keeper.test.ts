import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startJob } from "../../tests/support/agent/shell-jobs.ts";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { processesNaming } from "../../tests/support/processes.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { ShellExecutor } from "../executors/shell/shell-executor.ts";
import { chooseLimitEnforcer } from "../limits/choose-enforcer.ts";
import { SamplingEnforcer } from "../limits/sampling-enforcer.ts";
import { isDead, processStat } from "../process/process-table.ts";
import { keepers } from "./keeper.ts";

const { path: dir } = forAllTests(await makeScratch());

const SETRLIMIT = process.arch === "arm64" ? 164 : 160;

/** Gives up everything that could identify it: parents, session, group, environment, limits, descriptors. */
const vanish = (rest: string) => `perl -MPOSIX -e '
  for (1 .. 2) { fork and POSIX::_exit(0); POSIX::setsid(); }
  my $seven = pack("QQ", 7, 7); syscall(${SETRLIMIT}, 10 + 0, $seven) == 0 or die;
  %ENV = (); chdir "/"; POSIX::close($_) for 3 .. 255;
  $0 = "kworker"; open my $f, ">", "PIDFILE"; print $f $$; close $f;
  POSIX::close($_) for 0 .. 2;
  ${rest}'`;
const sleeps = vanish("sleep 600");

const ways: [string, string][] = [
  ["double fork, no environment, another limit, nothing open", sleeps],
  ["a session inside a session", `env -i setsid -f setsid -f sh -c 'echo $$ >PIDFILE; exec sleep 600'`],
  [
    "nohup in a subshell",
    `(nohup env -i sh -c 'ulimit -x 3 2>/dev/null; echo $$ >PIDFILE; exec sleep 600' >/dev/null 2>&1 &)`,
  ],
  [
    "an orphan of an orphan",
    `(env -i setsid sh -c '(setsid sh -c "echo \\$\\$ >PIDFILE; exec sleep 600" &) &' &)`,
  ],
];

const isAlive = (pid: number) => !isDead(processStat(pid));
const pidIn = (path: string) => Number(readFileSync(path, { encoding: "utf8", flag: "a+" }));

describe.skipIf(process.platform !== "linux").each([
  ["samples", async () => new SamplingEnforcer()],
  ["what this machine has", chooseLimitEnforcer],
] as const)("jobs held by %s", (_, choose) => {
  const executor = new ShellExecutor(choose);
  afterAll(() => executor.close());

  const startHiding = async (way: string, limits = {}) => {
    const pidFile = join(dir, crypto.randomUUID());
    const command = `${way.replaceAll("PIDFILE", pidFile)}\necho up; read end <"${pidFile}.end"`;
    Bun.spawnSync(["mkfifo", `${pidFile}.end`]);
    const job = await startJob(executor, dir, { command }, limits);
    await job.said("up");
    const pid = await waitFor("the hidden process", () => pidIn(pidFile) || undefined, { timeoutMs: 8_000 });
    return { ...job, pid, end: () => Bun.write(`${pidFile}.end`, "\n") };
  };

  test("a process ends with its own job and with no other, whatever it gives up", async () => {
    expect(keepers()).toBeDefined();
    for (const [name, way] of ways) {
      for (const limits of [{}, { memoryMb: 500 }]) {
        const [one, other] = [await startHiding(way, limits), await startHiding(way, limits)];
        expect({ name, alive: [one, other].map(({ pid }) => isAlive(pid)) }).toEqual({
          name,
          alive: [true, true],
        });
        await one.end();
        expect(await one.task.wait()).toEqual({ exitCode: 0 });
        expect({ name, alive: [one, other].map(({ pid }) => isAlive(pid)) }).toEqual({
          name,
          alive: [false, true],
        });
        other.task.stop(0);
        await other.task.wait();
        expect({ name, alive: isAlive(other.pid) }).toEqual({ name, alive: false });
      }
    }
  });

  test("a job that kills its own keeper ends, with everything it started", async () => {
    const other = await startHiding(sleeps);
    const pidFile = join(dir, crypto.randomUUID());
    const until = `until [ -s ${pidFile} ]; do sleep 0.02; done`;
    const command = `${sleeps.replaceAll("PIDFILE", pidFile)}\n${until}; kill -9 $PPID; sleep 600`;
    const job = await startJob(executor, dir, { command });
    expect(await job.task.wait()).toEqual({ signal: "SIGKILL" });
    expect(job.system.join()).toContain("kept the job together was killed");
    expect([pidIn(pidFile), other.pid].map(isAlive)).toEqual([false, true]);
    other.task.stop(0);
    await other.task.wait();
  });

  test("a job leaves nothing behind even if its keeper is killed the moment its command ends", async () => {
    // They ignore SIGTERM, and there are several, so that one of them is quicker than the supervisor that ends them.
    const killer = `$SIG{TERM} = "IGNORE"; 1 while kill 0, LEADER; kill 9, KEEPER; sleep 600`;
    for (let round = 0; round < 10; round++) {
      const token = crypto.randomUUID();
      const script = killer.replaceAll("LEADER", "$ARGV[1]").replace("KEEPER", "$ARGV[2]");
      const one = `env -i setsid perl -e '${script}' ${token} $$ $PPID >/dev/null 2>&1 &`;
      const job = await startJob(executor, dir, { command: `${one} ${one} ${one} sleep 0.2; exit 3` });
      // The keeper may have been killed before it could report how the command ended.
      const { exitCode, signal } = await job.task.wait();
      expect([3, "SIGKILL"]).toContain(exitCode ?? signal ?? "neither");
      expect({ round, left: processesNaming(token) }).toEqual({ round, left: [] });
    }
  });

  test("a job that stops its own keeper is ended anyway", async () => {
    const job = await startHiding(`${sleeps}; kill -STOP $PPID`);
    job.task.stop(0);
    expect(await job.task.wait()).toEqual({ signal: "SIGKILL" });
    expect(isAlive(job.pid)).toBe(false);
  });

  test("the memory of such a process counts against the limit of its job", async () => {
    const hoard = vanish("my $m = chr(120) x (150 << 20); sleep 600").replaceAll("PIDFILE", "/dev/null");
    const job = await startJob(executor, dir, { command: `${hoard}\nsleep 600` }, { memoryMb: 100 });
    expect((await job.task.wait()).exceeded).toMatchObject({ limit: "memoryMb", allowed: 100 });
  });

  test("the next supervisor after one that was killed ends such a process too", async () => {
    const [job, other] = [await startHiding(sleeps), await startHiding(sleeps)];
    await executor.recover([job.executionId]);
    expect(await job.task.wait()).toEqual({ signal: "SIGKILL" });
    expect([job, other].map(({ pid }) => isAlive(pid))).toEqual([false, true]);
    other.task.stop(0);
    await other.task.wait();
  });
});
