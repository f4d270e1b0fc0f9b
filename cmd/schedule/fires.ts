import type { Compute } from "../../sdk/index.ts";
import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { CliError } from "../failure.ts";
import { formatTable } from "../format.ts";
import type { Output } from "../output.ts";
import { upcomingCount } from "./rule-options.ts";

const options = defineOptions({
  next: {
    kind: "value",
    placeholder: "N",
    schema: upcomingCount.optional(),
    help: "The next N fires to come",
  },
  past: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).optional(),
    defaultText: "20, where --next is not given",
    help: "The last N fires, also the skipped ones",
  },
  ...clientOptions,
});

const DEFAULT_PAST = 20;

export const command = defineCommand({
  options,
  positionals: [{ name: "SCHEDULE", help: "its id, as schedule list shows it" }],
  examples: [
    { line: "schedule fires $id", does: "What it did of late, and why something was skipped" },
    { line: "schedule fires $id --next 5", does: "When it fires next" },
  ],
  async run({ options, positionals, env, output }) {
    const scheduleId = checkId("schedule", positionals[0] ?? "");
    if (options.next && options.past) throw new CliError("usage", "--next and --past exclude each other");
    const compute = await connect(env, options);
    if (options.next) await showNext(compute, scheduleId, options.next, options.json, output);
    else await showPast(compute, scheduleId, options.past ?? DEFAULT_PAST, options.json, output);
    return 0;
  },
});

async function showNext(
  { schedules }: Compute,
  scheduleId: string,
  count: number,
  asJson: boolean,
  output: Output,
): Promise<void> {
  const fires = await schedules.upcoming(scheduleId, count, patience(output));
  if (asJson) return output.json(fires);
  const cells = fires.map((fire) => [fire.fireAt, fire.localTime]);
  await output.result(formatTable(["FIRES AT", "DUE, LOCAL TIME"], cells));
}

async function showPast(
  { schedules }: Compute,
  scheduleId: string,
  limit: number,
  asJson: boolean,
  output: Output,
): Promise<void> {
  const fires = await Array.fromAsync(schedules.fires(scheduleId, { ...patience(output), limit }));
  if (asJson) return output.json(fires);
  const cells = fires.map((fire) => [
    fire.dueAt,
    fire.trigger,
    fire.status,
    fire.jobId ?? fire.reason ?? "",
    fire.message ?? "",
  ]);
  await output.result(formatTable(["DUE", "TRIGGER", "STATUS", "JOB OR REASON", "MESSAGE"], cells));
}
