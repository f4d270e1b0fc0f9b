import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";

export const command = defineCommand({
  options: defineOptions({ limit: limitOption("secrets", "all of them"), ...clientOptions }),
  examples: [
    { line: "secret list", does: "Which secrets jobs can use" },
    { line: "secret list --json", does: "The same, for a script" },
  ],
  details: "Shows the names, and when and by whom each value was set. No command shows a value.",
  async run({ options, env, output }) {
    const { secrets } = await connect(env, options);
    const all = await Array.fromAsync(secrets.list({ limit: options.limit, ...patience(output) }));
    return showList(output, options, all, {
      NAME: (one) => one.name,
      VERSION: (one) => String(one.version),
      SET: (one) => `${formatAge(one.updatedAt)} ago`,
      BY: (one) => one.updatedBy,
      EXPIRES: (one) => one.expiresAt ?? "",
    });
  },
});
