import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import { showList } from "../output/list.ts";
import { upcomingCount } from "./rule-options.ts";

const options = defineOptions({
  next: {
    kind: "value",
    placeholder: "N",
    schema: () => upcomingCount,
    help: "The next N fires",
  },
  past: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    defaultText: "20, unless --next is given",
    help: "The last N fires, including skipped ones",
  },
  ...clientOptions,
});

const DEFAULT_PAST = 20;

export const command = defineCommand({
  options,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [
    { line: "schedule fires $id", does: "What it did lately, and why fires were skipped" },
    { line: "schedule fires $id --next 5", does: "When it fires next" },
  ],
  async run({ options, positionals, env, output }) {
    if (options.next && options.past)
      throw new CliError("usage", "--next and --past cannot be used together");
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    if (options.next) {
      const fires = await schedules.upcoming(scheduleId, options.next, patience(output));
      return showList(output, options, fires, {
        "FIRES AT": (fire) => fire.fireAt,
        "DUE, LOCAL TIME": (fire) => fire.localTime,
      });
    }
    const limit = options.past ?? DEFAULT_PAST;
    const fires = await Array.fromAsync(schedules.fires(scheduleId, { ...patience(output), limit }));
    return showList(output, options, fires, {
      DUE: (fire) => fire.dueAt,
      TRIGGER: (fire) => fire.trigger,
      STATUS: (fire) => fire.status,
      "JOB OR REASON": (fire) => fire.jobId ?? fire.reason ?? "",
      MESSAGE: (fire) => fire.message ?? "",
    });
  },
});
