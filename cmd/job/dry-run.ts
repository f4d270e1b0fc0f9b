import type { Compute, JobManifestInput } from "../../sdk/index.ts";
import { patience } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import { fitLines } from "./fit-table.ts";

/** Says where such a job could run. Exits with 0 where some node could ever run it, else with 1. */
export async function dryRun(
  compute: Compute,
  manifest: JobManifestInput,
  { json }: { json: boolean },
  output: Output,
): Promise<number> {
  const answer = await compute.jobs.dryRun(manifest, patience(output));
  if (json) await output.json(answer);
  else await output.note([answer.summary, ...fitLines(answer), "Nothing was submitted."].join("\n"));
  return answer.schedulable ? exitCodes.ok : exitCodes.failed;
}
