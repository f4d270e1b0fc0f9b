import { defineOptions, flagOption, optionNumber } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { followJob } from "./follow.ts";
import { LogWriter } from "./log-writer.ts";

const options = defineOptions({
  follow: { ...flagOption("Go on with what the job writes until it is over"), short: "f" },
  tail: {
    kind: "value",
    short: "n",
    placeholder: "N",
    schema: optionNumber({ min: 0, max: 1_000_000, integer: true }).optional(),
    defaultText: "all",
    help: "Only the last so many of the lines so far",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [{ name: "JOB", help: "its id" }],
  examples: [
    { line: "job logs -f $id", does: "Look on while it runs" },
    { line: "job logs --json $id", does: "Each line as an object with its stream and time" },
  ],
  details: `The job's stdout goes to stdout and its stderr to stderr, over all its attempts. Exits with 0 when the log was
printed, however the job ended.`,
  async run({ options, positionals, env, output }) {
    const jobId = checkId("job", positionals[0] ?? "");
    const compute = await connect(env, options);
    const { json, tail } = options;
    if (options.follow) {
      await followJob(compute, jobId, output, { json, tail });
      return 0;
    }
    await using writer = new LogWriter(output, { json, whole: false });
    for await (const event of compute.jobs.logs(jobId, { ...patience(output), tail })) {
      await writer.write(event);
    }
    return 0;
  },
});
