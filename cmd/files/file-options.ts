import { z } from "zod";
import { defineOptions, flagOption, optionText } from "../../shared/config/options.ts";

export const noIgnoreOption = defineOptions({
  "no-ignore": flagOption(
    "Also send the files that .gitignore and .tanvritignore leave out",
    "Files and secrets",
  ),
});

/** The options of a job for its files and secrets. */
export const jobFileOptions = defineOptions({
  input: {
    kind: "list",
    group: "Files and secrets",
    short: "i",
    placeholder: "SRC[:DEST]",
    schema: () => z.array(optionText),
    help: "Put this file or directory into the job's directory: a local one, artifact:ID, or job:ID/GLOB for outputs of a job",
  },
  output: {
    kind: "list",
    group: "Files and secrets",
    short: "o",
    placeholder: "GLOB",
    schema: () => z.array(optionText),
    help: "Keep these files of the job when it ends, however it ends, like 'dist/**' or '*.xml'",
  },
  ...noIgnoreOption,
  "secret-env": {
    kind: "list",
    group: "Files and secrets",
    placeholder: "ENV=NAME",
    schema: () => secretPairs("a variable and the name of a secret, as ENV=NAME"),
    help: "Give the job the secret NAME in the variable ENV",
  },
  "secret-file": {
    kind: "list",
    group: "Files and secrets",
    placeholder: "PATH=NAME",
    schema: () => secretPairs("a path in the job's directory and the name of a secret, as PATH=NAME"),
    help: "Give the job the secret NAME in the file PATH while it runs",
  },
  "env-from": {
    kind: "list",
    group: "Files and secrets",
    placeholder: "JOB",
    schema: () => z.array(optionText),
    help: "Wait for that job, and take its results as variables",
  },
});

/** A path may contain `=`; the name of a secret cannot. */
function secretPairs(what: string) {
  return z.array(z.string().regex(/^[^=].*=./, { error: `must be ${what}` })).transform((pairs) =>
    Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.lastIndexOf("=");
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    ),
  );
}
