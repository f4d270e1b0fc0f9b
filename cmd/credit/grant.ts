import { z } from "zod";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { formatUsd, parseUsd } from "../../shared/money.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";

const usd = optionText.transform((text, context) => {
  const microUsd = parseUsd(text);
  if (microUsd !== undefined && microUsd > 0) return microUsd;
  context.addIssue({
    code: "custom",
    message: "must be an amount in US dollars above zero, like 12.50, with at most six decimal places",
  });
  return z.NEVER;
});

const required = (what: string) => z.string({ error: `is missing; give ${what}` }).min(1);

const options = defineOptions({
  user: {
    kind: "value",
    placeholder: "USER",
    schema: required("the name or the id of the user who gets it"),
    help: "Who gets it, by name or id",
  },
  amount: {
    kind: "value",
    placeholder: "USD",
    schema: z.string({ error: "is missing; give an amount in US dollars, like 12.50" }).pipe(usd),
    help: "How much, in US dollars, like 12.50",
  },
  reason: {
    kind: "value",
    placeholder: "TEXT",
    schema: required("a reason; the ledger shows it"),
    help: "Why; the ledger shows it",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "credit grant --user anna --amount 12.50 --reason 'a long training run'",
      does: "Give anna $12.50",
    },
  ],
  details:
    "Only an owner of the business may do this. The credit does not expire with the month. Prints the entry's id.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const { user, amount: amountMicroUsd, reason } = options;
    const entry = await credits.grant({ user, amountMicroUsd, reason }, patience(output));
    if (options.json) await output.json(entry);
    else {
      await output.result(entry.entryId);
      await output.note(
        `${user} got ${formatUsd(entry.amountMicroUsd)}, and now has ${formatUsd(entry.balanceMicroUsd)}.`,
      );
    }
    return 0;
  },
});
