import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { formatUsd } from "../../shared/money.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatTable } from "../format.ts";
import { filterOptions } from "../job/filter-options.ts";

const options = defineOptions({
  since: {
    ...filterOptions.since,
    help: "Only what changed since then: a time like 2026-01-31T12:00:00Z, or how long ago like 30m, 2h, 7d",
  },
  limit: {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).optional(),
    defaultText: "50, or all with --since",
    help: "The most entries to list",
  },
  ...clientOptions,
});

const DEFAULT_LIMIT = 50;

export const command = defineCommand({
  options,
  examples: [
    { line: "credit ledger", does: "What changed your credit last" },
    { line: "credit ledger --since 30d --json", does: "A month of it, for a script" },
  ],
  details:
    "RESERVE sets credit aside when a job goes to a hosted node, SETTLE is what it cost, RELEASE what came back.\nThe " +
    "amounts add up to what is available.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const { since, limit = since === undefined ? DEFAULT_LIMIT : undefined } = options;
    const all = await Array.fromAsync(credits.ledger({ since, limit }, patience(output)));
    if (options.json) {
      await output.json(all);
      return 0;
    }
    const cells = all.map((entry) => [
      entry.createdAt,
      entry.kind,
      signed(entry.amountMicroUsd),
      formatUsd(entry.balanceMicroUsd),
      entry.costMicroUsd === undefined ? "" : formatUsd(entry.costMicroUsd),
      entry.jobId ?? entry.reason ?? "",
    ]);
    await output.result(formatTable(["AT", "KIND", "AMOUNT", "AVAILABLE", "COST", "FOR"], cells));
    return 0;
  },
});

function signed(microUsd: number): string {
  return `${microUsd > 0 ? "+" : ""}${formatUsd(microUsd)}`;
}
