import { isFinal } from "../../shared/job-state.ts";
import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "JOB", repeat: true, help: "the ids of jobs" }],
  examples: [{ line: "job cancel $id && tanvrit-compute job wait $id", does: "And wait until it is gone" }],
  details: `A queued job is CANCELLED at once. A running one gets SIGTERM, after its grace SIGKILL, and is CANCELLED when its
processes are gone.`,
  async run({ options, positionals, env, output }) {
    const jobIds = positionals.map((text) => checkId("job", text));
    const compute = await connect(env, options);
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
