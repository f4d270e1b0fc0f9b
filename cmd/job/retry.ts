import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "JOB", help: "the id of a finished job" }],
  examples: [{ line: "job retry $id && tanvrit-compute job logs -f $id", does: "Try again, looking on" }],
  details: "It stays the same job with the same id and log; the new attempt is added to it.",
  async run({ options, positionals, env, output }) {
    const jobId = checkId("job", positionals[0] ?? "");
    const { jobs } = await connect(env, options);
    const job = await jobs.retry(jobId, patience(output));
    await (options.json ? output.json(job) : output.result(job.jobId));
    return 0;
  },
});
