import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkTemplate, fileOption, readTemplate, templatePositional } from "./template-options.ts";

const options = defineOptions({
  ...fileOption,
  "expected-version": {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    help: "Edit it only if this is still the newest version",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [templatePositional],
  examples: [{ line: "template edit scale-video --file scale.yaml", does: "Create a new version of it" }],
  details: `The file has the form that template create takes; if it has another name, the template is renamed. Builtin
templates cannot be edited: fork them first.`,
  async run({ options, positionals, env, output }) {
    const template = checkTemplate(positionals[0]);
    const file = await readTemplate(options.file);
    const { templates } = await connect(env, options);
    const edit = { ...file, template, expectedVersion: options["expected-version"] };
    const edited = await templates.edit(edit, patience(output));
    if (options.json) await output.json(edited);
    else await output.note(`${edited.name} is at version ${edited.version}.`);
    return 0;
  },
});
