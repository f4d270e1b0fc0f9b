import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatTable } from "../output/table.ts";
import { ruleOptions, upcomingCount, zoneOf } from "./rule-options.ts";

const options = defineOptions({
  ...ruleOptions,
  next: {
    kind: "value",
    placeholder: "N",
    schema: upcomingCount.default(5),
    defaultText: "5",
    help: "How many fires to show",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "schedule preview --cron '30 2 * * 1-5' --tz Europe/Berlin",
      does: "The rule in words, and its next five fires",
    },
  ],
  async run({ options, env, output }) {
    const { schedules } = await connect(env, options);
    const input = { cron: options.cron, timeZone: zoneOf(options), count: options.next };
    const preview = await schedules.preview(input, patience(output));
    for (const warning of preview.warnings) await output.note(`tanvrit-compute: ${warning}`);
    if (options.json) {
      await output.json(preview);
      return 0;
    }
    await output.result(`${preview.words} (${input.timeZone})`);
    const cells = preview.fires.map((fire) => [fire.dueAt, fire.localTime]);
    await output.painted(formatTable(["FIRES AT", "LOCAL TIME"], cells, output.resultLook));
    return 0;
  },
});
