import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [{ line: "schedule pause $id", does: "Stop it from firing; running jobs continue" }],
  details:
    "A fire that waits for an earlier job is skipped. Fires that fall into the pause are not made up for later.",
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    const schedule = await schedules.pause(scheduleId, patience(output));
    if (options.json) await output.json(schedule);
    else await output.note(`${scheduleId} is ${schedule.status}.`);
    return 0;
  },
});
