import { defineOptions, optionText } from "../../shared/config/options.ts";
import { executionStatus } from "../../shared/job-status.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption, statusOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJob, findNode } from "../connection/find-id.ts";
import { formatAge } from "../output/format.ts";
import { type Columns, showList } from "../output/list.ts";

const options = defineOptions({
  job: {
    kind: "value",
    placeholder: "JOB",
    schema: () => optionText,
    help: "Only executions of this job",
  },
  node: {
    kind: "value",
    placeholder: "NODE",
    schema: () => optionText,
    help: "Only executions on this node",
  },
  status: statusOption("executions", executionStatus.options),
  limit: limitOption("executions"),
  ...clientOptions,
});

/** Columns that do not fit next to two ids on a terminal of 80 columns. */
const SPARE = ["CPU S", "PEAK MB", "LINES", "ATTEMPT", "AGE"];

export const command = defineCommand({
  options,
  examples: [{ line: "execution list --job $id", does: "Every attempt of a job, newest first" }],
  async run({ options, env, output }) {
    const compute = await connect(env, options);
    const { executions } = compute;
    const where = {
      jobId: options.job && (await findJob(compute, options.job, output)),
      nodeId: options.node && (await findNode(compute, options.node, output)),
      status: options.status,
      limit: options.limit ?? DEFAULT_LIST_LIMIT,
    };
    const all = await Array.fromAsync(executions.list(where, patience(output)));
    const columns: Columns<(typeof all)[number]> = {
      ID: (one) => one.executionId,
      JOB: (one) => one.jobId,
      ATTEMPT: (one) => String(one.attempt),
      STATUS: (one) => one.status,
      END: (one) => one.reason ?? one.signal ?? (one.exitCode === undefined ? "" : `exit ${one.exitCode}`),
      "CPU S": (one) => one.cpuSeconds?.toFixed(2) ?? "",
      "PEAK MB": (one) => one.peakMemoryMb?.toFixed(0) ?? "",
      LINES: (one) => String(one.logLines),
      AGE: (one) => formatAge(one.assignedAt),
    };
    return showList(output, options, all, columns, SPARE);
  },
});
