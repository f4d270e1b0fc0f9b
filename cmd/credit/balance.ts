import { formatUsd } from "../../shared/money.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatFields } from "../output/format.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [
    { line: "credit balance", does: "What is left for hosted nodes this month" },
    { line: "credit balance --json", does: "The same for a script, in millionths of a dollar" },
  ],
  details:
    "Credit pays for nodes of hosted pools (see credit prices); your own nodes cost nothing.\nEach month (UTC) begins " +
    "with a grant, which is spent first and expires with the month.\nCredit that an owner granted does not expire.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const balance = await credits.balance(patience(output));
    if (options.json) {
      await output.json(balance);
      return 0;
    }
    const fields = {
      available: formatUsd(balance.availableMicroUsd),
      ofThisMonth: formatUsd(balance.monthlyMicroUsd),
      lasting: formatUsd(balance.lastingMicroUsd),
      reserved: formatUsd(balance.reservedMicroUsd),
      monthEndsAt: balance.monthEndsAt,
    };
    await output.painted(formatFields(fields, output.resultLook));
    return 0;
  },
});
