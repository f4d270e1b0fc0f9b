import { bytesText } from "../../shared/bytes-text.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { usageAnswer } from "../../shared/sockets/maintenance.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { formatFields } from "../output/format.ts";
import { maintain, storeOptions, storeSettings } from "./store-owner.ts";

export const command = defineCommand({
  options: defineOptions({ ...storeOptions, ...jsonOption }),
  examples: [{ line: "server du", does: "How much data this account's server holds" }],
  details: "Works whether the server is running or stopped.",
  async run({ options, env, output }) {
    const usage = await maintain(storeSettings(options, env), { maintain: "usage" }, usageAnswer);
    if (options.json) await output.json(usage);
    else {
      const fields = {
        jobs: String(usage.jobs),
        executions: String(usage.executions),
        logs: bytesText(usage.logBytes),
        "in use": bytesText(usage.usedBytes),
        "free inside": bytesText(usage.freeBytes),
      };
      await output.painted(formatFields(fields, output.resultLook));
    }
    return exitCodes.ok;
  },
});
