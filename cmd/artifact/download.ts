import type { Compute } from "../../sdk/index.ts";
import { defineOptions, flagOption, optionNumber, optionText } from "../../shared/config/options.ts";
import { outputGlob } from "../../shared/job-files.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findArtifact, findJob, JOB_HELP } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import { type Fetching, fetchAll } from "../files/fetch-trees.ts";
import { outputsToFetch } from "../files/job-outputs.ts";
import type { Output } from "../output/output.ts";

const options = defineOptions({
  to: {
    kind: "value",
    placeholder: "DIR",
    schema: optionText.min(1, { error: "must not be empty" }).default("."),
    defaultText: "the current directory",
    help: "Where to put the files; made if it does not exist",
  },
  force: flagOption("Replace files that are there with other content"),
  attempt: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    defaultText: "the newest that has outputs",
    help: "Only the outputs of this attempt",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [
    { name: "JOB", help: `${JOB_HELP}; or the id of an artifact` },
    { name: "GLOB", optional: true, repeat: true, help: "only the files that match one of these" },
  ],
  examples: [
    { line: "artifact download $id", does: "The outputs of a job, at their own paths" },
    { line: "artifact download @last '*.xml' --to reports", does: "Some of them, elsewhere" },
  ],
  details: `Files that are there already with the same content are not fetched, so a download that was cut goes on with what is
there. If a file is there with other content, nothing is written, unless --force is given. The outputs of an array's jobs go
into directories named by their indexes. Prints nothing on stdout; --json says how many files and bytes there are, and how many were fetched.`,
  async run({ options, positionals, env, output }) {
    const [text = "", ...globs] = positionals;
    const checked = globs.map(checkGlob);
    const compute = await connect(env, options);
    const fetchings = text.startsWith("art_")
      ? [await artifactToFetch(compute, text, options, output)]
      : await jobToFetch(compute, text, options, output);
    const files = await fetchAll(compute, fetchings, { ...options, globs: checked }, output);
    if (options.json) await output.json(files);
    return 0;
  },
});

function checkGlob(glob: string): string {
  const checked = outputGlob().safeParse(glob);
  if (checked.success) return checked.data;
  throw new CliError("usage", `GLOB ${glob || "''"}: ${checked.error.issues[0]?.message}`);
}

async function artifactToFetch(
  compute: Compute,
  text: string,
  { to, attempt }: { to: string; attempt?: number },
  output: Output,
): Promise<Fetching> {
  if (attempt !== undefined)
    throw new CliError("usage", "--attempt is for the outputs of a job, not for an artifact");
  const artifactId = await findArtifact(compute, text, output);
  const artifact = await compute.artifacts.get(artifactId, patience(output));
  return { artifact, to };
}

async function jobToFetch(
  compute: Compute,
  text: string,
  where: { to: string; attempt?: number },
  output: Output,
): Promise<Fetching[]> {
  const jobId = await findJob(compute, text, output);
  return outputsToFetch(compute, await compute.jobs.retrieve(jobId, patience(output)), where, output);
}
