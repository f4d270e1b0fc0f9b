import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { CliError } from "../failure.ts";
import { formatAge, formatCommand, formatTable } from "../format.ts";
import { allOption, filterOptions, selectionOf } from "./filter-options.ts";

const DEFAULT_LIMIT = 50;
const options = defineOptions({
  ...filterOptions,
  limit: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).optional(),
    defaultText: String(DEFAULT_LIMIT),
    help: "The most jobs to list",
  },
  all: allOption("List them all, however many"),
  ...clientOptions,
});

const COMMAND_LENGTH = 60;

export const command = defineCommand({
  options,
  examples: [
    { line: "job list --status running --status queued", does: "What is not over yet" },
    { line: "job list --name 'train-*' --since 7d --all --json", does: "Everything of a week, for a script" },
  ],
  async run({ options, env, output }) {
    const { all: isAll, limit } = options;
    if (isAll && limit !== undefined) throw new CliError("usage", "--all and --limit exclude each other");
    const { jobs } = await connect(env, options);
    const where = { ...selectionOf(options), limit: isAll ? undefined : (limit ?? DEFAULT_LIMIT) };
    const all = await Array.fromAsync(jobs.list(where, patience(output)));
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
