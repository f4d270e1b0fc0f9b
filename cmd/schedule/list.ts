import { defineOptions } from "../../shared/config/options.ts";
import { scheduleStatus } from "../../shared/schedule/schedule.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption, statusOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const options = defineOptions({
  status: statusOption("schedules", scheduleStatus.options),
  limit: limitOption("schedules"),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [{ line: "schedule list --status active", does: "Schedules that fire by themselves" }],
  async run({ options, env, output }) {
    const { schedules } = await connect(env, options);
    const { status, limit = DEFAULT_LIST_LIMIT } = options;
    const all = await Array.fromAsync(schedules.list({ status, limit }, patience(output)));
    return showList(output, options, all, {
      ID: (one) => one.scheduleId,
      STATUS: (one) => one.status,
      NEXT: (one) => one.nextFireAt ?? "",
      NAME: (one) => one.name ?? "",
      RULE: (one) => `${one.words} (${one.timeZone})`,
    });
  },
});
