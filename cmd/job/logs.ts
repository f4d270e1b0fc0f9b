import type { Compute, Job } from "../../sdk/index.ts";
import { defineOptions, flagOption, type OptionValues, optionNumber } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJob, JOB_HELP } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { printArray } from "./array-output.ts";
import { followJob } from "./follow.ts";
import { LogWriter } from "./log-writer.ts";
import { prefixOption } from "./view-options.ts";

const options = defineOptions({
  follow: { ...flagOption("Continue with what the job writes until it is over"), short: "f" },
  tail: {
    kind: "value",
    short: "n",
    placeholder: "N",
    schema: () => optionNumber({ min: 0, max: 1_000_000, integer: true }),
    defaultText: "all",
    help: "Only the last N of the lines so far",
  },
  attempt: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    help: "Only what this attempt wrote",
  },
  previous: flagOption("Only what the attempt before the last one wrote"),
  ...prefixOption,
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [{ name: "JOB", help: JOB_HELP }],
  examples: [
    { line: "job logs -f $id", does: "Watch while it runs" },
    { line: "job logs --previous $id", does: "What the attempt before the last one wrote" },
    { line: "job logs --json $id", does: "Each line as an object with its stream and time" },
  ],
  details: `The job's stdout goes to stdout and its stderr to stderr, byte for byte, over all its attempts; a line on stderr says
where the next attempt begins. For an array, the logs of all its jobs are shown, each line after the name of its job.
Exits with 0 when the log was printed, however the job ended.`,
  async run({ options, positionals, env, output }) {
    refuseContradictions(options);
    const compute = await connect(env, options);
    const jobId = await findJob(compute, positionals[0] ?? "", output);
    const job = await compute.jobs.retrieve(jobId, patience(output));
    if (options.follow) await followJob(compute, job, output, options);
    else await printLog(compute, job, output, options);
    return 0;
  },
});

type LogsOptions = OptionValues<typeof options>;

function refuseContradictions({ attempt, previous, follow, tail }: LogsOptions): void {
  if (attempt !== undefined && previous)
    throw new CliError("usage", "--attempt and --previous cannot be used together");
  if (attempt === undefined && !previous) return;
  const what = follow ? "--follow" : tail === undefined ? undefined : "--tail";
  if (what)
    throw new CliError("usage", `${previous ? "--previous" : "--attempt"} cannot be used with ${what}`);
}

async function printLog(compute: Compute, job: Job, output: Output, options: LogsOptions): Promise<void> {
  const { json, tail } = options;
  const only = attemptOf(job, options);
  if (job.array !== undefined) {
    return printArray(compute, job, output, { json, tail, whole: false, bare: options["no-prefix"] });
  }
  await using writer = new LogWriter(output, { json, whole: false });
  const lastEventId = only === undefined ? undefined : `${only - 1}.${LAST_SEQ}`;
  for await (const event of compute.jobs.logs(job.jobId, { ...patience(output), tail, lastEventId })) {
    if (only !== undefined && event.event === "log" && event.data.attempt > only) return;
    await writer.write(event);
  }
}

/** Comes after every line of an attempt. */
const LAST_SEQ = "9".repeat(15);

/** The attempt that was asked for. */
function attemptOf(job: Job, { attempt, previous }: LogsOptions): number | undefined {
  if (attempt === undefined && !previous) return undefined;
  if (job.array !== undefined) {
    throw new CliError("usage", "an array has no attempts of its own; its jobs do", {
      todo: `Name one of its jobs; tanvrit-compute job list --array ${job.jobId} lists them`,
    });
  }
  const wanted = attempt ?? job.attempt - 1;
  if (wanted >= 1 && wanted <= job.attempt) return wanted;
  const has = `job ${job.jobId} has had ${counted(job.attempt, "attempt")}`;
  throw new CliError("not_found", previous ? `${has}, so there is none before the last one` : has);
}
