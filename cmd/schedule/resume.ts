import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [{ line: "schedule resume $id", does: "Let it fire again from now on" }],
  details: "Fires that fell into the pause are not made up for; schedule run makes a job now.",
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    const schedule = await schedules.resume(scheduleId, patience(output));
    if (options.json) await output.json(schedule);
    else
      await output.note(`${scheduleId} is ${schedule.status}; the next fire is at ${schedule.nextFireAt}.`);
    return 0;
  },
});
