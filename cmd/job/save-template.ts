import { defineOptions, optionText } from "../../shared/config/options.ts";
import { templateName } from "../../shared/template/template.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJob, JOB_HELP } from "../connection/find-id.ts";

const options = defineOptions({
  name: { kind: "value", placeholder: "NAME", schema: templateName, help: "The template's name" },
  description: {
    kind: "value",
    placeholder: "TEXT",
    schema: () => optionText,
    help: "What it is for",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [{ name: "JOB", help: JOB_HELP }],
  examples: [
    {
      line: "job save-template $id --name train",
      does: "Save a job, to run it again with template run train",
    },
  ],
  details: `The template runs the job as it was; give it parameters with template edit. Prints the template's id.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { templates } = compute;
    const jobId = await findJob(compute, positionals[0] ?? "", output);
    const { name, description } = options;
    const template = await templates.saveJob(jobId, name, { ...patience(output), description });
    await (options.json ? output.json(template) : output.result(template.templateId));
    return 0;
  },
});
