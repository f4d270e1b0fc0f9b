import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

export const command = defineCommand({
  options: defineOptions({ limit: limitOption("people", "all of them"), ...clientOptions }),
  examples: [{ line: "member list", does: "Who belongs to the business, and who may do what" }],
  async run({ options, env, output }) {
    const { members } = await connect(env, options);
    const all = await Array.fromAsync(members.list({ limit: options.limit, ...patience(output) }));
    return showList(output, options, all, {
      NAME: (one) => one.userName,
      ROLE: (one) => one.role,
      EMAIL: (one) => one.email ?? "",
      USER: (one) => one.userId,
    });
  },
});
