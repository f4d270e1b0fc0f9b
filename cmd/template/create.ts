import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { fileOption, readTemplate } from "./template-options.ts";

export const command = defineCommand({
  options: defineOptions({ ...fileOption, ...clientOptions }),
  examples: [{ line: "template create --file scale.yaml", does: "Create it from a file" }],
  details: `The file, as YAML or JSON:

    name: scale-video
    description: Scale a video with ffmpeg
    parameters:
      - {name: input, type: file, required: true, help: the file to read}
      - {name: width, type: number, default: 1280, min: 16}
    job:
      command: [ffmpeg, -i, "{{input}}", -vf, "scale={{width}}:-2", out.mp4]

A parameter is a string, number, boolean, enum (with values) or file, and may have required, default, pattern, min,
max and help. job is a job manifest; {{name}} may be in any of its texts, and {{{{ is a literal {{. A value stays
one argument, whatever it contains. Prints the template's id.`,
  async run({ options, env, output }) {
    const file = await readTemplate(options.file);
    const { templates } = await connect(env, options);
    const template = await templates.create(file, patience(output));
    await (options.json ? output.json(template) : output.result(template.templateId));
    return 0;
  },
});
