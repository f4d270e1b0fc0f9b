import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatAge, formatTable } from "../format.ts";
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
    if (options.json) {
      await output.json(versions);
      return 0;
    }
    const cells = versions.map(({ version, createdAt, userId, description }) => {
      return [String(version), `${formatAge(createdAt)} ago`, userId ?? "builtin", description];
    });
    await output.result(formatTable(["VERSION", "MADE", "BY", "DESCRIPTION"], cells));
    return 0;
  },
});
