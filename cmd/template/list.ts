import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const options = defineOptions({
  own: flagOption("Only templates of this business"),
  builtin: flagOption("Only templates that come with the server"),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [{ line: "template list", does: "What there is to run" }],
  async run({ options, env, output }) {
    const { templates } = await connect(env, options);
    const builtin = options.own === options.builtin ? undefined : options.builtin;
    const all = await Array.fromAsync(templates.list({ builtin }, patience(output)));
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    return showList(output, options, all, {
      NAME: (one) => one.name,
      VERSION: (one) => String(one.version),
      OF: (one) => (one.builtin ? "builtin" : "own"),
      PARAMETERS: ({ parameters }) =>
        parameters.map((one) => (one.required ? one.name : `[${one.name}]`)).join(" "),
      DESCRIPTION: (one) => one.description,
    });
  },
});
