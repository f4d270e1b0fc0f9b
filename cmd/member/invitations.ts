import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";

export const command = defineCommand({
  options: defineOptions({ limit: limitOption("invitations", "all of them"), ...clientOptions }),
  examples: [{ line: "member invitations", does: "Which links nobody has used yet" }],
  details: "The links themselves are shown only once, by member invite.",
  async run({ options, env, output }) {
    const { members } = await connect(env, options);
    const all = await Array.fromAsync(members.invitations({ limit: options.limit, ...patience(output) }));
    return showList(output, options, all, {
      INVITATION: (one) => one.invitationId,
      ROLE: (one) => one.role,
      EMAIL: (one) => one.email ?? "",
      BY: (one) => one.invitedBy,
      MADE: (one) => `${formatAge(one.createdAt)} ago`,
      EXPIRES: (one) => one.expiresAt,
    });
  },
});
