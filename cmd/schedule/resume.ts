import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id, as schedule list shows it" }],
  examples: [{ line: "schedule resume $id", does: "It fires again from now on" }],
  details: "What fell into the pause is not made up for; schedule run makes a job now.",
  async run({ options, positionals, env, output }) {
    const scheduleId = checkId("schedule", positionals[0] ?? "");
    const { schedules } = await connect(env, options);
    const schedule = await schedules.resume(scheduleId, patience(output));
    if (options.json) await output.json(schedule);
    else
      await output.note(`${scheduleId} is ${schedule.status}; the next fire is at ${schedule.nextFireAt}.`);
    return 0;
  },
});
