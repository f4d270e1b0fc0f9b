import type { Compute, Job } from "../../sdk/index.ts";
import { defineOptions, flagOption, type OptionValues } from "../../shared/config/options.ts";
import { exitCodeOfJob, exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { cancelOnExitOption, prefixOption } from "./view-options.ts";

/** The options of a command that submits a job and may stay with it. */
export const attachOptions = defineOptions({
  wait: flagOption("Wait until the job is over and exit with its code", "Output and waiting"),
  follow: flagOption("Show the job's output until it is over and exit with its code", "Output and waiting"),
  ...prefixOption,
  ...cancelOnExitOption,
});

type AttachValues = OptionValues<typeof attachOptions>;

export function refuseBoth(options: AttachValues): void {
  const { wait, follow } = options;
  if (wait && follow) throw new CliError("usage", "--wait and --follow cannot be used together");
  if (options["cancel-on-exit"] && !wait && !follow) {
    throw new CliError("usage", "--cancel-on-exit needs --wait or --follow", {
      todo: "Without either, this command ends before the job does",
    });
  }
}

/** Handles a job that was just submitted: prints its id, follows it, or waits for its end. */
export async function afterSubmit(
  compute: Compute,
  job: Job,
  options: AttachValues & { json: boolean },
  output: Output,
): Promise<number> {
  const cancelOnExit = options["cancel-on-exit"];
  if (options.follow) {
    await output.note(`tanvrit-compute: ${job.jobId} submitted`);
    const { followJob } = await import("./follow.ts");
    return followJob(compute, job, output, { ...options, cancelOnExit });
  }
  if (!options.json) {
    const { sayUnschedulable } = await import("./say-waiting.ts");
    await sayUnschedulable(compute, job, output);
  }
  if (!options.wait) {
    await (options.json ? output.json(job) : output.result(job.jobId));
    return exitCodes.ok;
  }
  if (!options.json) await output.result(job.jobId);
  const { waitForJobs } = await import("./wait-for-jobs.ts");
  const [ended = job] = await waitForJobs(compute, [job.jobId], output, { cancelOnExit });
  if (options.json) await output.json(ended);
  return exitCodeOfJob(ended);
}
