import { bytesText } from "../../shared/bytes-text.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { type UsageAnswer, usageAnswer } from "../../shared/sockets/maintenance.ts";
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
        files: filesText(usage),
        "in use": bytesText(usage.usedBytes),
        "free inside": bytesText(usage.freeBytes),
      };
      await output.painted(formatFields(fields, output.resultLook));
    }
    return exitCodes.ok;
  },
});

/** Files are next to the store, not in it. */
function filesText({ packs = 0, fileBytes = 0 }: UsageAnswer): string {
  return packs === 0 ? bytesText(0) : `${bytesText(fileBytes)} in ${counted(packs, "pack")}`;
}
