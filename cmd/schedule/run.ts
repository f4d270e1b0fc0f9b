import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";
import { exitCodes } from "../exit/exit-codes.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [
    { line: "schedule run $id", does: "Make a job of it now, and print the job's id" },
    {
      line: "job logs -f $(tanvrit-compute schedule run $id)",
      does: "The same, and follow the job's output",
    },
  ],
  details: `Also works while the schedule is paused. The overlap policy applies: if it forbids a second job, this is refused. If
the fire must wait for an earlier job, no id is printed yet; schedule fires shows it later. Exits with 1 if no job could
be made.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    const fire = await schedules.run(scheduleId, patience(output));
    if (options.json) await output.json(fire);
    else if (fire.jobId) await output.result(fire.jobId);
    else await output.note(`tanvrit-compute: ${fire.status}${fire.message ? `: ${fire.message}` : ""}`);
    return fire.status === "FAILED" ? exitCodes.failed : exitCodes.ok;
  },
});
