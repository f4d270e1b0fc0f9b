import type { Compute, Job } from "../../sdk/index.ts";
import { exitCodeOfJob, exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

/** What is done with a job that was just submitted: its id is printed, it is followed, or its end is waited for. */
export async function afterSubmit(
  compute: Compute,
  job: Job,
  options: { wait: boolean; follow: boolean; json: boolean },
  output: Output,
): Promise<number> {
  if (options.follow) {
    await output.note(`tanvrit-compute: ${job.jobId} submitted`);
    const { followJob } = await import("./follow.ts");
    return followJob(compute, job.jobId, output, { json: options.json });
  }
  if (!options.wait) {
    await (options.json ? output.json(job) : output.result(job.jobId));
    return exitCodes.ok;
  }
  if (!options.json) await output.result(job.jobId);
  const { waitForJobs } = await import("./wait-for-jobs.ts");
  const [ended = job] = await waitForJobs(compute, [job.jobId], output);
  if (options.json) await output.json(ended);
  return exitCodeOfJob(ended);
}
