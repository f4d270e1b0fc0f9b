import type { Compute, Job, JobManifestInput } from "../sdk/index.ts";
import { limits } from "../shared/limits.ts";

const OVER_MS = 300_000;
const LOOK_EVERY_MS = 20;

/** Queues jobs that do nothing, under one name. Returns the name and the last id. */
export async function queueJobs(
  compute: Compute,
  count: number,
  more: Partial<JobManifestInput> = {},
): Promise<{ name: string; lastId: string }> {
  const name = `bench-${crypto.randomUUID()}`;
  let lastId = "";
  for (let queued = 0; queued < count; queued += limits.maxBatchJobs) {
    const length = Math.min(limits.maxBatchJobs, count - queued);
    const batch = Array.from({ length }, () => ({ command: ["true"], ...more, name }) as JobManifestInput);
    lastId = (await compute.jobs.submitBatch(batch)).at(-1)?.jobId ?? "";
  }
  return { name, lastId };
}

/** Waits until every job with this name is over. */
export async function untilOver(
  compute: Compute,
  { name, lastId }: { name: string; lastId: string },
): Promise<void> {
  const signal = AbortSignal.timeout(OVER_MS);
  // The last in the queue ends among the last. Until then nothing is asked, because every question takes time from the jobs.
  await compute.jobs.wait(lastId, { signal });
  for (;;) {
    const open = await compute.jobs.count({ name, status: ["QUEUED", "ASSIGNED", "RUNNING"] }, { signal });
    if (open.count === 0) return;
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** The jobs with this name. Throws if one is missing, did not succeed, or needed more than one attempt. */
export async function succeeded(compute: Compute, name: string, count: number): Promise<Job[]> {
  const jobs = await Array.fromAsync(compute.jobs.list({ name, limit: count + 1 }));
  const failed = jobs.filter((job) => job.status !== "SUCCESS" || job.attempt !== 1);
  if (jobs.length === count && failed.length === 0) return jobs;
  const text = `of ${count} jobs ${jobs.length} exist and ${failed.length} did not succeed at the first attempt`;
  throw new Error(text);
}

/** How many of the jobs ended per second, from the first start to the last end. */
export function rateOf(jobs: readonly Job[]): number {
  const startedMs = Math.min(...jobs.map((job) => Date.parse(job.startedAt ?? "")));
  const endedMs = Math.max(...jobs.map((job) => Date.parse(job.finishedAt ?? "")));
  return jobs.length / ((endedMs - startedMs) / 1_000);
}
