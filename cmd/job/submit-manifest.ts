import type { Compute, Job, JobManifestInput } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { CliError } from "../exit/failure.ts";
import { fileName } from "../input/read-file.ts";
import type { Output } from "../output/output.ts";

/** Submits a job. If the server refuses a manifest from a file, the error names that file. */
export async function submitManifest(
  compute: Compute,
  manifest: JobManifestInput,
  options: { file?: string; "idempotency-key"?: string },
  output: Output,
): Promise<Job> {
  const { file, "idempotency-key": idempotencyKey } = options;
  try {
    return await compute.jobs.submit(manifest, { ...patience(output), idempotencyKey });
  } catch (error) {
    throw namingFile(error, file);
  }
}

/** Says once that input piped or redirected to us does not reach the job. */
export async function sayInputStays({ file }: { file?: string }, output: Output): Promise<void> {
  if (file === "-") return;
  const { hasInput } = await import("../output/standard-streams.ts");
  if (!hasInput()) return;
  await output.note("tanvrit-compute: standard input is not sent to the job; the job's own is empty.");
}

/** What the server finds wrong with the fields of a manifest, under the name of its file. */
export function namingFile(error: unknown, file: string | undefined): unknown {
  const { name, code, errors = [] } = error as Refusal;
  if (file === undefined || name !== "ComputeError" || code !== "invalid_request" || errors.length === 0)
    return error;
  const lines = errors.map((field) => `${fileName(file)}: ${field.path}: ${field.message}`);
  return new CliError("bad_data", lines.join("\n"), { cause: error });
}

interface Refusal {
  name?: string;
  code?: string;
  errors?: { path: string; message: string }[];
}
