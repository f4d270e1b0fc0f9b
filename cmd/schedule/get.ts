import type { Schedule } from "../../sdk/index.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findSchedule } from "../connection/find-id.ts";
import { fileFields } from "../files/file-fields.ts";
import { formatCommand, formatFields } from "../output/format.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "SCHEDULE", help: "its id or name, as schedule list shows them" }],
  examples: [{ line: "schedule get $id --json", does: "Everything that is known about it" }],
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { schedules } = compute;
    const scheduleId = await findSchedule(compute, positionals[0] ?? "", output);
    const schedule = await schedules.retrieve(scheduleId, patience(output));
    await (options.json
      ? output.json(schedule)
      : output.painted(formatFields(describe(schedule), output.resultLook)));
    return 0;
  },
});

function describe(schedule: Schedule): Record<string, unknown> {
  const { job } = schedule;
  return {
    scheduleId: schedule.scheduleId,
    name: schedule.name,
    status: schedule.status,
    pauseReason: schedule.pauseReason,
    cron: schedule.cron,
    rule: `${schedule.words} (${schedule.timeZone})`,
    nextFireAt: schedule.nextFireAt,
    fireCount: schedule.fireCount,
    overlap: schedule.overlap,
    misfire: `${schedule.misfire}, within ${schedule.misfireWindowSeconds} s`,
    jitterSeconds: schedule.jitterSeconds || undefined,
    command: job && formatCommand(job.command),
    ...fileFields(job ?? {}),
    template: schedule.template,
    // Only names: values are often secrets, and others often see a terminal.
    parameters: Object.keys(schedule.parameters ?? {}).join(", ") || undefined,
    createdAt: schedule.createdAt,
  };
}
