import type { Job } from "../../sdk/index.ts";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import { formatAge, formatCommand } from "../output/format.ts";
import { showList } from "../output/list.ts";
import { filterOptions, selectionOf } from "./filter-options.ts";

const options = defineOptions({
  ...filterOptions,
  limit: limitOption("jobs"),
  all: flagOption("List all of them, however many"),
  ...clientOptions,
});

/** What a job waits for, in a word or two; `job why` has the rest. */
function waitsFor({ status, hold, unschedulableReason, notBefore, concurrency, array }: Job): string {
  if (status !== "QUEUED" || array !== undefined) return "";
  if (unschedulableReason !== undefined) return "no node can run it";
  if (hold === "after") return "other jobs";
  if (hold === "group") return `group ${concurrency?.group ?? ""}`;
  return notBefore === undefined ? "" : `until ${notBefore}`;
}

export const command = defineCommand({
  options,
  examples: [
    { line: "job list --status running --status queued", does: "What is queued or running" },
    { line: "job list --name 'train-*' --since 7d --all --json", does: "All of a week, for a script" },
  ],
  async run({ options, env, output }) {
    const { all: isAll, limit } = options;
    if (isAll && limit !== undefined)
      throw new CliError("usage", "--all and --limit cannot be used together");
    const { jobs } = await connect(env, options);
    const where = { ...selectionOf(options), limit: isAll ? undefined : (limit ?? DEFAULT_LIST_LIMIT) };
    const all = await Array.fromAsync(jobs.list(where, patience(output)));
    return showList(output, options, all, {
      ID: (job) => job.jobId,
      STATUS: (job) => job.status,
      AGE: (job) => formatAge(job.createdAt),
      NAME: (job) => job.name ?? "",
      "WAITS FOR": waitsFor,
      COMMAND: (job) => formatCommand(job.command),
    });
  },
});
