import type { RetriedJob } from "../../sdk/index.ts";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJobs } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import { changeMatching } from "./change-matching.ts";
import { filterOptions, selectionOrIds } from "./filter-options.ts";

export const command = defineCommand({
  options: defineOptions({
    ...filterOptions,
    all: flagOption("Retry every job that is over and did not succeed"),
    "with-dependents": flagOption("Also queue the jobs again that were skipped because of these, after them"),
    failed: flagOption("Of a workflow, run only the jobs that did not succeed, with what the others left"),
    ...clientOptions,
  }),
  positionals: [
    { name: "JOB", optional: true, help: "the id or name of a finished job, unless a filter chooses jobs" },
  ],
  examples: [
    { line: "job retry $id && tanvrit-compute job logs -f $id", does: "Try again and watch" },
    {
      line: "job retry $id --with-dependents",
      does: "A step, and everything that was skipped because of it",
    },
    { line: "job retry $id --failed", does: "The failed jobs of a workflow; those that succeeded are kept" },
    { line: "job retry --status failed --since 2h", does: "Everything that failed in the last two hours" },
  ],
  details: `It stays the same job with the same id and log; the new attempt is added to it. A filter without --status chooses
no jobs that succeeded. Of an array, only the jobs that did not succeed run again.

Jobs keep their order: a job that comes after others waits for those that are queued again or not over. A job that you
name runs now if everything it comes after is over. A job that a filter chooses is left unchanged if a job it comes
after did not end as required.`,
  async run({ options, positionals, env, output }) {
    const selection = selectionOrIds(positionals, options);
    const { failed } = options;
    if (selection && failed) throw new CliError("usage", "--failed needs the id or name of one job");
    const compute = await connect(env, options);
    const jobIds = await findJobs(compute, positionals, output);
    if (selection) {
      await changeMatching(compute, "retry", selection, options, output);
      return 0;
    }
    const withDependents = options["with-dependents"];
    const job = await compute.jobs.retry(jobIds[0] ?? "", { ...patience(output), withDependents, failed });
    await (options.json ? output.json(job) : output.result(job.jobId));
    const notes = options.json ? [] : notesOf(job, withDependents);
    for (const note of notes) await output.note(`tanvrit-compute: ${note}`);
    return 0;
  },
});

function notesOf({ jobId, array, queuedAgain, skippedDependents }: RetriedJob, withDependents: boolean) {
  const notes: string[] = [];
  if (withDependents || array !== undefined) {
    const rest = array !== undefined && !withDependents ? "; what succeeded is not run again" : "";
    notes.push(`${counted(queuedAgain, "job")} queued again${rest}`);
  }
  if (skippedDependents > 0) {
    const jobs = `${counted(skippedDependents, "job")} after it`;
    const was = skippedDependents === 1 ? "was skipped and stays skipped" : "were skipped and stay skipped";
    notes.push(`${jobs} ${was}; to bring them back: tanvrit-compute job retry ${jobId} --with-dependents`);
  }
  return notes;
}
