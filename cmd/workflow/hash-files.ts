import { printHashOfFiles } from "../../agent/workflow/expressions/hash-files.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { exitCodes } from "../exit/exit-codes.ts";

/** Started by the engine of workflows for the function hashFiles, never by a person. */
export const command = defineCommand({
  options: defineOptions({}),
  rest: { name: "PATTERN…", help: "patterns of files below the current directory" },
  examples: [],
  details: "The engine of workflows starts it, for the function hashFiles.",
  async run({ rest }) {
    await printHashOfFiles(rest ?? []);
    return exitCodes.ok;
  },
});
