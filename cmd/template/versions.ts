import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";
import { checkTemplate, templatePositional } from "./template-options.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [templatePositional],
  examples: [
    { line: "template versions scale-video", does: "Newest first; template get NAME --version N shows one" },
  ],
  async run({ options, positionals, env, output }) {
    const template = checkTemplate(positionals[0]);
    const { templates } = await connect(env, options);
    const versions = await Array.fromAsync(templates.versions(template, patience(output)));
    return showList(output, options, versions, {
      VERSION: (one) => String(one.version),
      MADE: (one) => `${formatAge(one.createdAt)} ago`,
      BY: (one) => one.userId ?? "builtin",
      DESCRIPTION: (one) => one.description,
    });
  },
});
