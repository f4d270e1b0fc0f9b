import { defineOptions } from "../../shared/config/options.ts";
import { FileError, type FileIssue, parseYaml } from "../../shared/config/yaml.ts";
import { type JobManifest, localJobFile } from "../../shared/manifest.ts";
import { needsOwnSource } from "../../shared/manifest-rules.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { noIgnoreOption } from "../files/file-options.ts";
import type { GivenInput } from "../files/input-source.ts";
import { directoryOf, readInputs } from "../files/job-draft.ts";
import { wouldSend } from "../files/send-inputs.ts";
import { sizeText } from "../files/send-tree.ts";
import { fileName, readTextFile } from "../input/read-file.ts";

export const command = defineCommand({
  options: defineOptions({ ...noIgnoreOption, ...jsonOption }),
  positionals: [{ name: "FILE", repeat: true, help: "job files, YAML or JSON; - is stdin" }],
  examples: [{ line: "job validate job.yaml", does: "Check a job before it is submitted" }],
  details: `Says on stderr that a file is ok, and how many files and bytes of this machine it names. For each mistake it names file, line, column and field, and exits with 65.
With --json it prints the job as the server would take it, with every default.`,
  async run({ options, positionals, output }) {
    const issues: FileIssue[] = [];
    for (const file of positionals) {
      const text = await readTextFile(file);
      try {
        const manifest = parseYaml(text, fileName(file), localJobFile);
        const given = (await readInputs({ file }, manifest.inputs)) ?? [];
        const own = needsOwnSource(manifest) ? await ownInputs(manifest, file, options) : [];
        const inputs = await wouldSend([...own, ...given], options);
        const sends = inputs.map((one) => `; it would send ${sizeText(one)} of ${one.path}`).join("");
        await output.note(`${fileName(file)}: ok${sends}`);
        if (options.json) await output.json(manifest);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        issues.push(...error.issues);
      }
    }
    if (issues.length > 0) throw new FileError(issues);
    return exitCodes.ok;
  },
});

/** Checks the workflow of the job too, and what its repository brings. */
async function ownInputs(
  manifest: JobManifest,
  file: string,
  options: { "no-ignore": boolean },
): Promise<GivenInput[]> {
  const { workflowOfFile } = await import("../workflow/draft/job-workflow.ts");
  const { inputs } = await workflowOfFile(manifest, await directoryOf(file), process.env, options);
  return inputs;
}
