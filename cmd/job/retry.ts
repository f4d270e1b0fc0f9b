import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { changeMatching } from "./change-matching.ts";
import { filterOptions, selectionOrIds } from "./filter-options.ts";

export const command = defineCommand({
  options: defineOptions({
    ...filterOptions,
    all: flagOption("Retry every job that is over and did not succeed"),
    ...clientOptions,
  }),
  positionals: [
    { name: "JOB", optional: true, help: "the id of a finished job, where no filter chooses them" },
  ],
  examples: [
    { line: "job retry $id && tanvrit-compute job logs -f $id", does: "Try again, looking on" },
    { line: "job retry --status failed --since 2h", does: "Everything that failed in the last two hours" },
  ],
  details: `It stays the same job with the same id and log; the new attempt is added to it. A filter without --status chooses
no jobs that succeeded.`,
  async run({ options, positionals, env, output }) {
    const jobIds = positionals.map((text) => checkId("job", text));
    const selection = selectionOrIds(jobIds, options);
    const compute = await connect(env, options);
    if (selection) {
      await changeMatching(compute, "retry", selection, options, output);
      return 0;
    }
    const job = await compute.jobs.retry(jobIds[0] ?? "", patience(output));
    await (options.json ? output.json(job) : output.result(job.jobId));
    return 0;
  },
});
