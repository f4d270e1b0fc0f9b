import type { Compute, Job } from "../../sdk/index.ts";
import { isFinal } from "../../shared/job-state.ts";
import { pause } from "../../shared/wait.ts";
import { patience } from "../connection/connect.ts";
import { isTerminal } from "../input/is-terminal.ts";
import type { Output } from "../output/output.ts";
import { sayFailed } from "./array-output.ts";
import { attached } from "./attached.ts";
import { endLine } from "./end-line.ts";
import { countsOf } from "./job-counts.ts";

const LOOK_EVERY_MS = 2_000;
/** How many jobs are watched at once; the others follow as these end. */
const WATCHED_AT_ONCE = 32;

/** Waits until all jobs are over, and says how each ended. Resolves with the jobs in the order given. */
export async function waitForJobs(
  compute: Compute,
  jobIds: readonly string[],
  output: Output,
  options: { cancelOnExit?: boolean } = {},
): Promise<Job[]> {
  const jobs = new Map<string, Job>();
  const watchAll = async (signal: AbortSignal) => {
    const queue = [...new Set(jobIds)];
    // When the turn of a later job comes, the token may have expired.
    if (queue.length > 1) await compute.client.prepareToWait(queue);
    const watch = async () => {
      for (let jobId = queue.shift(); jobId !== undefined; jobId = queue.shift()) {
        const job = await compute.jobs.wait(jobId, patience(output, signal));
        jobs.set(jobId, job);
        if (job.array !== undefined && job.status !== "SUCCESS")
          await sayFailed(compute, job, output, signal);
        await output.note(`tanvrit-compute: ${endLine(job)}`);
      }
    };
    const over = new AbortController();
    const progress = isTerminal(2)
      ? sayProgress(compute, jobIds, output, AbortSignal.any([signal, over.signal]))
      : undefined;
    try {
      await Promise.all(Array.from({ length: WATCHED_AT_ONCE }, watch));
    } finally {
      over.abort();
      await progress;
    }
  };
  await attached(compute, jobIds, output, watchAll, options);
  return jobIds.flatMap((jobId) => jobs.get(jobId) ?? []);
}

/** Prints the job counts of each array whenever they change, until the signal fires. Never rejects. */
async function sayProgress(
  compute: Compute,
  jobIds: readonly string[],
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const shown = new Map<string, string>();
  let open = jobIds.slice(0, WATCHED_AT_ONCE);
  while (open.length > 0 && !signal.aborted) {
    for (const jobId of open) {
      // The wait for the job reports what is wrong with it.
      const job = await compute.jobs.retrieve(jobId, { signal }).catch(() => undefined);
      if (!job || signal.aborted) continue;
      if (job.array === undefined || isFinal(job.status)) open = open.filter((one) => one !== jobId);
      const counts = countsOf(job);
      if (counts === undefined || isFinal(job.status) || shown.get(jobId) === counts) continue;
      shown.set(jobId, counts);
      await output.note(`tanvrit-compute: ${jobId} ${counts}`);
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}
