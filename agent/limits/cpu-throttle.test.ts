import { afterEach, describe, expect, test } from "bun:test";
import { waitFor } from "../../tests/support/wait.ts";
import { processStat } from "../process/process-table.ts";
import { CpuThrottle } from "./cpu-throttle.ts";

const processes: Bun.Subprocess[] = [];
afterEach(() => {
  for (const one of processes.splice(0)) one.kill("SIGKILL");
});

function sleeper(): number {
  const child = Bun.spawn(["sleep", "60"], { detached: true });
  processes.push(child);
  return child.pid;
}

const isStopped = (pid: number) => processStat(pid)?.state.startsWith("T") ?? false;

/** A throttled job of two processes. It has stopped one of them itself, and uses more than its core until told otherwise. */
async function throttled() {
  const [own, other] = [sleeper(), sleeper()];
  process.kill(own, "SIGSTOP");
  await waitFor("one to be stopped", () => isStopped(own));
  const job = { own, other, usedAtEachLook: 0.2, cpuSeconds: 0 };
  const look = () => {
    job.cpuSeconds += job.usedAtEachLook;
    return { pids: [own, other], stoppedByJob: [own, other].filter(isStopped), cpuSeconds: job.cpuSeconds };
  };
  const throttle = new CpuThrottle({ groupId: other, look }, 1);
  await waitFor("the job to be held", () => isStopped(other));
  return { job, throttle };
}

describe.skipIf(process.platform !== "linux")("a job that used more than its cores", () => {
  test("continues once it is within its cores again, except for processes that it stopped itself", async () => {
    const { job, throttle } = await throttled();
    job.usedAtEachLook = 0;
    await waitFor("the job to go on", () => !isStopped(job.other));
    expect(isStopped(job.own)).toBe(true);
    throttle.end();
  });

  test("is not left stopped when throttling ends", async () => {
    const { job, throttle } = await throttled();
    throttle.end();
    await waitFor("the job to go on", () => !isStopped(job.other));
    expect(isStopped(job.own)).toBe(true);
  });
});
