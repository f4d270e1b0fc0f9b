import { z } from "zod";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { executionStatus } from "../../shared/job-state.ts";
import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatAge, formatTable } from "../format.ts";

const DEFAULT_LIMIT = 50;
const upper = z.string().transform((text) => text.toUpperCase());
const options = defineOptions({
  job: { kind: "value", placeholder: "ID", schema: optionText.optional(), help: "Only those of this job" },
  node: { kind: "value", placeholder: "ID", schema: optionText.optional(), help: "Only those on this node" },
  status: {
    kind: "list",
    placeholder: "STATUS",
    schema: z.array(upper.pipe(z.enum(executionStatus.options))).optional(),
    help: `Only those that are ${executionStatus.options.join(", ")}`,
  },
  limit: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).default(DEFAULT_LIMIT),
    defaultText: String(DEFAULT_LIMIT),
    help: "The most executions to list",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [{ line: "execution list --job $id", does: "Every attempt of a job, newest first" }],
  async run({ options, env, output }) {
    const { executions } = await connect(env, options);
    const where = {
      jobId: options.job && checkId("job", options.job),
      nodeId: options.node && checkId("node", options.node),
      status: options.status,
      limit: options.limit,
    };
    const all = await Array.fromAsync(executions.list(where, patience(output)));
    if (options.json) {
      await output.json(all);
      return 0;
    }
    const cells = all.map((one) => [
      one.executionId,
      one.jobId,
      String(one.attempt),
      one.status,
      one.reason ?? one.signal ?? (one.exitCode === undefined ? "" : `exit ${one.exitCode}`),
      one.cpuSeconds === undefined ? "" : one.cpuSeconds.toFixed(2),
      one.peakMemoryMb === undefined ? "" : one.peakMemoryMb.toFixed(0),
      String(one.logLines),
      formatAge(one.assignedAt),
    ]);
    const head = ["ID", "JOB", "ATTEMPT", "STATUS", "END", "CPU S", "PEAK MB", "LINES", "AGE"];
    await output.result(formatTable(head, cells));
    return 0;
  },
});
