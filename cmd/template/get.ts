import { stringify } from "yaml";
import type { Template } from "../../sdk/index.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { safeText } from "../../shared/terminal-text.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { checkTemplate, templatePositional, versionOption } from "./template-options.ts";

export const command = defineCommand({
  options: defineOptions({ ...versionOption, ...clientOptions }),
  positionals: [templatePositional],
  examples: [
    { line: "template get python-script", does: "Its parameters, and what it runs" },
    {
      line: "template get mine > mine.yaml",
      does: "Save it as a file, for template edit mine --file mine.yaml",
    },
  ],
  async run({ options, positionals, env, output }) {
    const name = checkTemplate(positionals[0]);
    const { templates } = await connect(env, options);
    const template = await templates.retrieve(name, { ...patience(output), version: options.version });
    if (options.json) await output.json(template);
    else await output.write(isTerminal(1) ? safeText(templateYaml(template)) : templateYaml(template));
    return 0;
  },
});

/** A template as the file that makes it; comments show what else is known about it. */
function templateYaml(template: Template): string {
  const { templateId, builtin, version, forkedFrom, updatedAt, name, description, parameters, job } =
    template;
  const kind = builtin ? "builtin" : "own";
  const comments = [`# ${templateId}, ${kind}, version ${version} from ${updatedAt}`];
  if (forkedFrom) comments.push(`# forked from ${forkedFrom.templateId}, version ${forkedFrom.version}`);
  const shown = parameters.map(({ required, ...rest }) => (required ? { ...rest, required } : rest));
  const file = { name, description: description || undefined, parameters: shown, job };
  return `${comments.join("\n")}\n${stringify(file, { lineWidth: 0 })}`;
}
