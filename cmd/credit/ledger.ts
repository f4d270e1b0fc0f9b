import { defineOptions } from "../../shared/config/options.ts";
import { formatUsd } from "../../shared/money.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption, sinceOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const options = defineOptions({
  since: sinceOption("Only what changed since then"),
  limit: limitOption("entries", `${DEFAULT_LIST_LIMIT}, or all with --since`),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "credit ledger", does: "The latest changes to your credit" },
    { line: "credit ledger --since 30d --json", does: "A month of it, for a script" },
  ],
  details:
    "RESERVE sets credit aside when a job goes to a hosted node, SETTLE is what it cost, RELEASE is what came back.\nThe " +
    "amounts add up to the available credit.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const { since, limit = since === undefined ? DEFAULT_LIST_LIMIT : undefined } = options;
    const all = await Array.fromAsync(credits.ledger({ since, limit }, patience(output)));
    return showList(output, options, all, {
      AT: (entry) => entry.createdAt,
      KIND: (entry) => entry.kind,
      AMOUNT: (entry) => signed(entry.amountMicroUsd),
      AVAILABLE: (entry) => formatUsd(entry.balanceMicroUsd),
      COST: (entry) => (entry.costMicroUsd === undefined ? "" : formatUsd(entry.costMicroUsd)),
      FOR: (entry) => entry.jobId ?? entry.reason ?? "",
    });
  },
});

function signed(microUsd: number): string {
  return `${microUsd > 0 ? "+" : ""}${formatUsd(microUsd)}`;
}
