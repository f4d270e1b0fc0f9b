import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJobs } from "../connection/find-id.ts";
import { exitCodeOfJob } from "../exit/exit-codes.ts";
import { waitForJobs } from "./wait-for-jobs.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "JOB", repeat: true, help: "ids or names of jobs" }],
  examples: [{ line: "job wait $id && echo well done", does: "In a script" }],
  details: "Exits with the code of the first of these jobs, in the order given, that did not succeed.",
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const jobIds = await findJobs(compute, positionals, output);
    const jobs = await waitForJobs(compute, jobIds, output);
    if (options.json) await output.json(jobs);
    return jobs.map(exitCodeOfJob).find((code) => code !== 0) ?? 0;
  },
});
