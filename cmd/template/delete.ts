import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkTemplate, templatePositional } from "./template-options.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [templatePositional],
  examples: [
    { line: "template delete scale-video", does: "Delete it with all its versions; jobs made from it stay" },
  ],
  async run({ options, positionals, env, output }) {
    const template = checkTemplate(positionals[0]);
    const { templates } = await connect(env, options);
    await templates.delete(template, patience(output));
    if (options.json) await output.json({ deleted: template });
    else await output.note(`Template ${template} is deleted.`);
    return 0;
  },
});
