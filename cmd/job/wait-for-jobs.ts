import type { Compute, Job } from "../../sdk/index.ts";
import { patience } from "../connect.ts";
import type { Output } from "../output.ts";
import { attached } from "./attached.ts";

/** How many jobs are watched at once; the others are looked at when one of these is over. */
const WATCHED_AT_ONCE = 32;

/** Waits until all jobs are over, saying of each how it ended. In the order given. */
export async function waitForJobs(
  compute: Compute,
  jobIds: readonly string[],
  output: Output,
  options: { cancelOnExit?: boolean } = {},
): Promise<Job[]> {
  const jobs = new Map<string, Job>();
  const watchAll = async (signal: AbortSignal) => {
    const queue = [...new Set(jobIds)];
    const watch = async () => {
      for (let jobId = queue.shift(); jobId !== undefined; jobId = queue.shift()) {
        const job = await compute.jobs.wait(jobId, patience(output, signal));
        jobs.set(jobId, job);
        await output.note(`tanvrit-compute: ${endLine(job)}`);
      }
    };
    await Promise.all(Array.from({ length: WATCHED_AT_ONCE }, watch));
  };
  await attached(compute, jobIds, output, watchAll, options);
  return jobIds.flatMap((jobId) => jobs.get(jobId) ?? []);
}

function endLine(job: Job): string {
  const ownEnd = job.signal ?? (job.exitCode ? `exit code ${job.exitCode}` : undefined);
  const why = [job.reason ?? ownEnd, job.message].filter(Boolean).join(": ");
  return `${job.jobId} ${job.status}${why ? `: ${why}` : ""}`;
}
