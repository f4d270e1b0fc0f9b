import { defineOptions } from "../../shared/config/options.ts";
import { FileError, type FileIssue, parseYaml } from "../../shared/config/yaml.ts";
import { jobFile } from "../../shared/manifest.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { noIgnoreOption } from "../files/file-options.ts";
import { readInputs } from "../files/job-draft.ts";
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
        const manifest = parseYaml(text, fileName(file), jobFile);
        const inputs = await wouldSend(await readInputs({ file }, manifest.inputs), options);
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
