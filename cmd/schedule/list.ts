import { z } from "zod";
import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { scheduleStatus } from "../../shared/schedule.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatTable } from "../format.ts";

const upper = z.string().transform((text) => text.toUpperCase());
const options = defineOptions({
  status: {
    kind: "list",
    placeholder: "STATUS",
    schema: z.array(upper.pipe(z.enum(scheduleStatus.options))).optional(),
    help: `Only schedules that are ${scheduleStatus.options.join(", ")}`,
  },
  limit: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).default(50),
    defaultText: "50",
    help: "The most schedules to list",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [{ line: "schedule list --status active", does: "What fires by itself" }],
  async run({ options, env, output }) {
    const { schedules } = await connect(env, options);
    const { status, limit } = options;
    const all = await Array.fromAsync(schedules.list({ status, limit }, patience(output)));
    if (options.json) {
      await output.json(all);
      return 0;
    }
    const cells = all.map((one) => [
      one.scheduleId,
      one.status,
      one.nextFireAt ?? "",
      one.name ?? "",
      `${one.words} (${one.timeZone})`,
    ]);
    await output.result(formatTable(["ID", "STATUS", "NEXT", "NAME", "RULE"], cells));
    return 0;
  },
});
