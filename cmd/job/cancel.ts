import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { isFinal } from "../../shared/job-state.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJobs } from "../connection/find-id.ts";
import { changeMatching } from "./change-matching.ts";
import { filterOptions, jobsOrFilter, selectionOrIds } from "./filter-options.ts";

export const command = defineCommand({
  options: defineOptions({
    ...filterOptions,
    all: flagOption("Cancel every job that is not over"),
    ...clientOptions,
  }),
  positionals: [jobsOrFilter],
  examples: [
    {
      line: "job cancel $id && tanvrit-compute job wait $id",
      does: "Cancel a job and wait until it is over",
    },
    { line: "job cancel --status queued --name 'train-*'", does: "Cancel all that have not started yet" },
  ],
  details: `A queued job is CANCELLED immediately. A running job gets SIGTERM or its --stop-signal, then SIGKILL after its
grace time, and is CANCELLED when its processes are gone. A filter chooses among the jobs that exist when the command
begins.`,
  async run({ options, positionals, env, output }) {
    const selection = selectionOrIds(positionals, options);
    const compute = await connect(env, options);
    const jobIds = await findJobs(compute, positionals, output);
    if (selection) {
      await changeMatching(compute, "cancel", selection, options, output);
      return 0;
    }
    const jobs = [];
    for (const jobId of jobIds) {
      const job = await compute.jobs.cancel(jobId, patience(output));
      jobs.push(job);
      const state = isFinal(job.status) ? job.status : `${job.status}, being cancelled`;
      if (!options.json) await output.note(`tanvrit-compute: ${jobId} ${state}`);
    }
    if (options.json) await output.json(jobs);
    return 0;
  },
});
