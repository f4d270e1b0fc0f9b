import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id, as schedule list shows it" }],
  examples: [{ line: "schedule delete $id", does: "With its list of fires; jobs that were submitted go on" }],
  async run({ options, positionals, env, output }) {
    const scheduleId = checkId("schedule", positionals[0] ?? "");
    const { schedules } = await connect(env, options);
    await schedules.delete(scheduleId, patience(output));
    if (options.json) await output.json({ scheduleId });
    else await output.note(`${scheduleId} is deleted.`);
    return 0;
  },
});
