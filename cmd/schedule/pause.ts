import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id, as schedule list shows it" }],
  examples: [{ line: "schedule pause $id", does: "It fires no more; jobs that run go on" }],
  details:
    "A fire that waits for an earlier job is skipped. What falls into the pause is not made up for later.",
  async run({ options, positionals, env, output }) {
    const scheduleId = checkId("schedule", positionals[0] ?? "");
    const { schedules } = await connect(env, options);
    const schedule = await schedules.pause(scheduleId, patience(output));
    if (options.json) await output.json(schedule);
    else await output.note(`${scheduleId} is ${schedule.status}.`);
    return 0;
  },
});
