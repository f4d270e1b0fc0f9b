import type { Compute } from "../sdk/index.ts";
import type { Job } from "../shared/job.ts";

const SUBMITS_IN_FLIGHT = 128;
const ALL_DONE_TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 50;

/** Submits `count` jobs that do nothing. Returns how many ended per second, from the first submit to the last end. */
export async function endToEndRate(compute: Compute, count: number): Promise<number> {
  const name = `bench-${crypto.randomUUID()}`;
  const startedAtMs = Date.now();
  let left = count;
  const submitUntilDone = async () => {
    while (left-- > 0) await compute.jobs.submit({ name, command: ["true"] });
  };
  await Promise.all(Array.from({ length: SUBMITS_IN_FLIGHT }, submitUntilDone));
  await untilNoneIsLeft(compute, name);
  const jobs = await Array.fromAsync(compute.jobs.list({ name, limit: count + 1 }));
  const failed = jobs.filter((job) => job.status !== "SUCCESS" || job.attempt !== 1);
  if (jobs.length !== count || failed.length > 0) {
    throw new Error(
      `of ${count} jobs ${jobs.length} exist and ${failed.length} did not succeed at the first attempt`,
    );
  }
  const lastEndMs = Math.max(...jobs.map((job) => Date.parse(job.finishedAt ?? "")));
  return count / ((lastEndMs - startedAtMs) / 1_000);
}

/** Time from just before each submit to the start of its process, one job at a time, in milliseconds, ascending. */
export async function startLatencies(compute: Compute, count: number): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let i = 0; i < count; i++) {
    // Both clocks are this machine's. The agent reports the start in whole milliseconds.
    const askedAtMs = performance.timeOrigin + performance.now();
    const job: Job = await compute.jobs.submitAndWait({ command: ["true"] });
    if (job.status !== "SUCCESS") throw new Error(`job ${job.jobId} is ${job.status}: ${job.message}`);
    latenciesMs.push(Math.max(0, Date.parse(job.startedAt ?? "") - askedAtMs));
  }
  return latenciesMs.sort((a, b) => a - b);
}

async function untilNoneIsLeft(compute: Compute, name: string): Promise<void> {
  const deadline = performance.now() + ALL_DONE_TIMEOUT_MS;
  const unfinished = { name, status: ["QUEUED", "ASSIGNED", "RUNNING"], limit: 1 } as const;
  while (performance.now() < deadline) {
    const left = await Array.fromAsync(compute.jobs.list({ ...unfinished, status: [...unfinished.status] }));
    if (left.length === 0) return;
    await Bun.sleep(LOOK_EVERY_MS);
  }
  throw new Error(`jobs are still running after ${ALL_DONE_TIMEOUT_MS / 1_000} s`);
}
