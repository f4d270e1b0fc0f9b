import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";
import { formatTime, grantsInWords, stateOf } from "./describe-enrolment.ts";

export const command = defineCommand({
  options: defineOptions({ limit: limitOption("tokens"), ...clientOptions }),
  examples: [{ line: "node enroll list", does: "Who made which tokens, and how many machines used them" }],
  details: "Newest first. No command shows a token again.",
  async run({ options, env, output }) {
    const { enrolments } = await connect(env, options);
    const all = await Array.fromAsync(enrolments.list({ limit: options.limit, ...patience(output) }));
    return showList(output, options, all, {
      ID: (one) => one.enrolmentId,
      STATE: stateOf,
      USED: (one) => `${one.used}/${one.uses}`,
      GRANTS: grantsInWords,
      MADE: (one) => `${formatAge(one.createdAt)} ago`,
      BY: (one) => one.createdBy ?? "",
      EXPIRES: (one) => formatTime(one.expiresAt),
    });
  },
});
