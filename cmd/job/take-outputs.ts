import type { Compute, JobManifestInput } from "../../sdk/index.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { patience } from "../connection/connect.ts";
import { CliError, describeFailure } from "../exit/failure.ts";
import { fetchAll } from "../files/fetch-trees.ts";
import { outputsToFetch } from "../files/job-outputs.ts";
import { sizeText } from "../files/send-tree.ts";
import type { Output } from "../output/output.ts";

export const downloadOption = defineOptions({
  download: {
    kind: "value",
    group: "Files and secrets",
    placeholder: "DIR",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    help: "Fetch the outputs into this directory when the job is over, however it ended",
  },
});

interface TakeOptions {
  download?: string;
  json: boolean;
}

export function refuseUseless({ download }: TakeOptions, { outputs }: JobManifestInput): void {
  if (download === undefined || outputs) return;
  throw new CliError("usage", "--download needs --output", {
    todo: "Say which files to keep, for example with --output 'out/**'",
  });
}

/** Fetches the outputs of a job that is over, or says how to. Resolves with the exit code: the job's own if it is not 0. */
export async function takeOutputs(
  compute: Compute,
  jobId: string,
  code: number,
  { download, json }: TakeOptions,
  output: Output,
): Promise<number> {
  const job = await compute.jobs.retrieve(jobId, patience(output));
  // It was skipped or cancelled before it ran.
  if (job.array === undefined && job.attempt === 0) return code;
  const say = (line: string) => (json ? undefined : output.note(`tanvrit-compute: ${line}`));
  const problems = job.outputProblems ?? [];
  for (const { path, message } of problems) await say(`output ${path}: ${message}`);
  try {
    const fetchings = await outputsToFetch(compute, job, { to: download ?? "." }, output);
    if (download !== undefined) {
      await fetchAll(compute, fetchings, { globs: [], force: true, json }, output);
      return code;
    }
    const files = fetchings.reduce((sum, { artifact }) => sum + artifact.files, 0);
    const bytes = fetchings.reduce((sum, { artifact }) => sum + artifact.bytes, 0);
    await say(`kept ${sizeText({ files, bytes })}; to fetch: tanvrit-compute artifact download ${jobId}`);
  } catch (error) {
    const isMissing = error instanceof CliError && error.code === "not_found";
    if (code === 0 && !isMissing) throw error;
    await say(isMissing && problems.length > 0 ? "no outputs were kept" : describeFailure(error).message);
  }
  return code;
}
