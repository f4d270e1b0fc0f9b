import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkTemplate, nameOption, templatePositional, versionOption } from "./template-options.ts";

export const command = defineCommand({
  options: defineOptions({ ...nameOption, ...versionOption, ...clientOptions }),
  positionals: [templatePositional],
  examples: [{ line: "template fork python-script --name train", does: "Make a copy to change" }],
  details: `The copy remembers its original, and stays unchanged when the original changes. Without --name it has the same
name; your own template wins over a builtin template of the same name. Prints the copy's id.`,
  async run({ options, positionals, env, output }) {
    const original = checkTemplate(positionals[0]);
    const { templates } = await connect(env, options);
    const { name, version } = options;
    const copy = await templates.fork(original, { ...patience(output), name, version });
    await (options.json ? output.json(copy) : output.result(copy.templateId));
    return 0;
  },
});
