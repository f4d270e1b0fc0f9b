import { z } from "zod";
import { defineOptions, optionNumber, optionPairs, optionText } from "../../shared/config/options.ts";
import { jobStatus } from "../../shared/job-state.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatAge, formatCommand, formatTable } from "../format.ts";

const upper = z.string().transform((text) => text.toUpperCase());
const options = defineOptions({
  status: {
    kind: "list",
    placeholder: "STATUS",
    schema: z.array(upper.pipe(z.enum(jobStatus.options))).optional(),
    help: `Only jobs that are ${jobStatus.options.join(", ")}`,
  },
  name: { kind: "value", placeholder: "NAME", schema: optionText.optional(), help: "Only jobs of this name" },
  label: {
    kind: "list",
    short: "l",
    placeholder: "KEY=VALUE",
    schema: optionPairs("a label").optional(),
    help: "Only jobs that ask for this label",
  },
  limit: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).default(50),
    defaultText: "50",
    help: "The most jobs to list",
  },
  ...clientOptions,
});

const COMMAND_LENGTH = 60;

export const command = defineCommand({
  options,
  examples: [{ line: "job list --status running --status queued", does: "What is not over yet" }],
  async run({ options, env, output }) {
    const { jobs } = await connect(env, options);
    const { status, name, label: labels, limit } = options;
    const all = await Array.fromAsync(jobs.list({ status, name, labels, limit }, patience(output)));
    if (options.json) {
      await output.json(all);
      return 0;
    }
    const cells = all.map((job) => [
      job.jobId,
      job.status,
      formatAge(job.createdAt),
      job.name ?? "",
      formatCommand(job.command, COMMAND_LENGTH),
    ]);
    await output.result(formatTable(["ID", "STATUS", "AGE", "NAME", "COMMAND"], cells));
    return 0;
  },
});
