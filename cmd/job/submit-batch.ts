import type { BatchJobInput, Compute } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { InputSender, type SendOptions } from "../files/send-inputs.ts";
import type { Output } from "../output/output.ts";
import { BatchFile } from "./batch-file.ts";
import { firstGiven, manifestOptions } from "./manifest-options.ts";

/** Refuses options that describe a single job, except the key, which applies to all of them. */
export function refuseOtherOptions(
  options: Readonly<Record<string, unknown>>,
  argv: readonly string[] | undefined,
): void {
  const names = [...Object.keys(manifestOptions), "wait", "follow", "no-prefix", "cancel-on-exit", "dry-run"];
  const given = firstGiven(
    names.filter((name) => !["idempotency-key", "no-ignore"].includes(name)),
    options,
  );
  if (given === undefined && !argv?.length) return;
  const what = given === undefined ? "a command after --" : `--${given}`;
  throw new CliError("usage", `--batch cannot be used with ${what}`, {
    todo: "Each line of the file is a complete job; write it there",
  });
}

/** Submits a file of jobs and prints an id per line, in the order of the file. Sends nothing if any line is wrong. */
export async function submitBatchFile(
  connectNow: () => Promise<Compute>,
  file: string,
  options: SendOptions & { "idempotency-key"?: string },
  output: Output,
): Promise<number> {
  await using batchFile = await BatchFile.open(file);
  const total = await batchFile.check();
  const compute = await connectNow();
  const key = options["idempotency-key"];
  const all = [];
  let submitted = 0;
  const sender = new InputSender(compute, options, output);
  const parts = compute.jobs.submitBatches(ready(batchFile, sender), {
    ...patience(output),
    idempotencyKey: key,
  });
  try {
    for await (const jobs of parts) {
      if (options.json) all.push(...jobs);
      else await output.result(jobs.map((job) => job.jobId).join("\n"));
      submitted += jobs.length;
      if (jobs.length < total) await output.note(`tanvrit-compute: ${submitted} of ${total} submitted`);
    }
  } catch (error) {
    // Report what was submitted before the failure.
    if (options.json && submitted > 0) await output.json(all);
    if (submitted > 0) await output.note(sentenceOf(submitted, total, key));
    throw error;
  }
  if (options.json) await output.json(all);
  return exitCodes.ok;
}

/** The jobs with their inputs sent, each only once. */
async function* ready(
  batchFile: BatchFile,
  sender: InputSender,
): AsyncGenerator<BatchJobInput[], void, void> {
  for await (const drafts of batchFile.batches()) {
    const batch: BatchJobInput[] = [];
    for (const { idempotencyKey, ...draft } of drafts)
      batch.push({ ...(await sender.complete(draft)), idempotencyKey });
    yield batch;
  }
}

function sentenceOf(submitted: number, total: number, key: string | undefined): string {
  const todo =
    key === undefined
      ? "Remove them from the file before you submit the rest."
      : "The same command with the same --idempotency-key submits only the rest.";
  return `tanvrit-compute: the first ${submitted} of ${total} jobs are submitted. ${todo}`;
}
