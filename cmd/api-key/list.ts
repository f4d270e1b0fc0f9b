import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";
import { limitsOf } from "./describe-key.ts";

export const command = defineCommand({
  options: defineOptions({
    all: flagOption("Everybody's keys in this business; owners and admins can see them"),
    limit: limitOption("keys", "all of them"),
    ...clientOptions,
  }),
  examples: [
    { line: "api-key list", does: "Your keys, and when each was last used" },
    { line: "api-key list --all --json", does: "Everybody's, for a script" },
  ],
  details: "Shows no key itself: its text was shown when it was made. Revoked keys are not listed.",
  async run({ options, env, output }) {
    const { apiKeys } = await connect(env, options);
    const { all, limit } = options;
    const keys = await Array.fromAsync(apiKeys.list({ all, limit, ...patience(output) }));
    return showList(output, options, keys, {
      ID: (one) => one.apiKeyId,
      NAME: (one) => one.name,
      ...(all && { PERSON: (one) => one.userName }),
      ROLE: (one) => one.role,
      LIMITS: (one) => limitsOf(one).join(", "),
      "LAST USED": (one) => (one.lastUsedAt === undefined ? "never" : `${formatAge(one.lastUsedAt)} ago`),
      EXPIRES: (one) => one.expiresAt ?? "",
    });
  },
});
