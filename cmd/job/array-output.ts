import type { Compute, Job } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { exitCodeOfJob } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { type Ended, endLine } from "./end-line.ts";
import { LogWriter } from "./log-writer.ts";

/** How many jobs of an array are followed at once; the others follow as these end. */
const FOLLOWED_AT_ONCE = 32;
/** At most this many jobs that did not succeed are listed one by one. */
const MAX_NAMED = 20;

export interface ArrayOutputOptions {
  json: boolean;
  /** The output is data, not a view. */
  whole: boolean;
  tail?: number | undefined;
  /** Lines are printed as the jobs wrote them, without the name of their job. */
  bare: boolean;
}

/** What the output calls a job of an array: its name, or its index if it has no name. */
function elementName(job: Job): string {
  return job.name ?? `[${job.env.TANVRIT_ARRAY_INDEX}]`;
}

/** Prints the logs of an array's jobs so far, one job after another in the order of their indexes. */
export async function printArray(
  compute: Compute,
  array: Job,
  output: Output,
  options: ArrayOutputOptions,
): Promise<void> {
  for await (const job of compute.jobs.list({ arrayId: array.jobId }, patience(output))) {
    await using writer = writerOf(output, job, options);
    for await (const event of compute.jobs.logs(job.jobId, { ...patience(output), tail: options.tail })) {
      await writer.write(event);
    }
  }
}

/**
 * Shows what the jobs of an array write while they run, in whole lines, and how each job ended that did not succeed.
 * Resolves with the array's exit code when it is over.
 */
export async function followArray(
  compute: Compute,
  array: Job,
  output: Output,
  signal: AbortSignal,
  options: ArrayOutputOptions,
): Promise<number> {
  let incomplete: unknown;
  await prepareToFollow(compute, array, output, signal);
  const waiting = compute.jobs.list({ arrayId: array.jobId }, patience(output, signal));
  // The worker that is free first fetches the next page: a generator answers its callers in turn.
  const work = async () => {
    for (;;) {
      const next = await waiting.next();
      if (next.done) return;
      await followElement(compute, next.value, output, signal, options).catch((error: unknown) => {
        // Missing output of one job is no reason to leave the others.
        if (!(error instanceof CliError && error.code === "output_incomplete")) throw error;
        incomplete = error;
      });
    }
  };
  await Promise.all(Array.from({ length: FOLLOWED_AT_ONCE }, work));
  const ended = await compute.jobs.wait(array.jobId, patience(output, signal));
  await output.note(`tanvrit-compute: ${endLine(ended)}`);
  if (incomplete) throw incomplete;
  return exitCodeOfJob(ended);
}

/** Takes tickets for all jobs now: when the turn of a later job comes, the token may have expired. */
async function prepareToFollow(
  compute: Compute,
  array: Job,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (!compute.client.mustPrepareToWait) return;
  const jobs = await Array.fromAsync(compute.jobs.list({ arrayId: array.jobId }, patience(output, signal)));
  await compute.client.prepareToWait([array.jobId, ...jobs.map((job) => job.jobId)]);
}

async function followElement(
  compute: Compute,
  job: Job,
  output: Output,
  signal: AbortSignal,
  options: ArrayOutputOptions,
): Promise<void> {
  const { tail, whole } = options;
  await using writer = writerOf(output, job, options);
  for await (const event of compute.jobs.follow(job.jobId, { ...patience(output, signal), tail, whole })) {
    await writer.write(event);
    if (event.event !== "end") continue;
    if (event.data.status !== "SUCCESS") await sayElementEnd(output, job, event.data);
    writer.expectWhole(job.jobId);
  }
}

function writerOf(output: Output, job: Job, { json, whole, bare }: ArrayOutputOptions): LogWriter {
  const index = Number(job.env.TANVRIT_ARRAY_INDEX);
  return new LogWriter(output, {
    json,
    whole,
    element: { jobId: job.jobId, name: elementName(job), index, bare },
  });
}

function sayElementEnd(output: Output, job: Job, ended: Ended): Promise<void> {
  return output.note(`tanvrit-compute: ${elementName(job)} ${endLine(ended)}`);
}

/** Lists the jobs of an array that did not succeed, and how each ended. */
export async function sayFailed(
  compute: Compute,
  array: Job,
  output: Output,
  signal?: AbortSignal,
): Promise<void> {
  const where = { arrayId: array.jobId, status: ["FAILED", "TIMEOUT", "CANCELLED"] as Job["status"][] };
  let count = 0;
  for await (const job of compute.jobs.list(where, patience(output, signal))) {
    if (++count > MAX_NAMED) {
      await output.note(
        `tanvrit-compute: and more; see them all: tanvrit-compute job list --array ${array.jobId} --status failed --all`,
      );
      return;
    }
    await sayElementEnd(output, job, job);
  }
}
