import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";

export const command = defineCommand({
  options: jsonOption,
  examples: [{ line: "job schema > job.schema.json", does: "For an editor that checks job files" }],
  details: "The schema is JSON with and without --json; with --json it is on one line.",
  async run({ options, output }) {
    const { jobJsonSchema } = await import("../../shared/job-schema.ts");
    const schema = jobJsonSchema();
    await (options.json ? output.json(schema) : output.result(JSON.stringify(schema, null, 2)));
    return 0;
  },
});
