import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [
    { line: "schedule delete $id", does: "Delete it with its list of fires; submitted jobs keep running" },
  ],
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    await schedules.delete(scheduleId, patience(output));
    if (options.json) await output.json({ scheduleId });
    else await output.note(`${scheduleId} is deleted.`);
    return 0;
  },
});
