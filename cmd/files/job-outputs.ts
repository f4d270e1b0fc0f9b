import { join } from "node:path";
import type { Artifact, Compute, Job } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import type { Fetching } from "./fetch-trees.ts";

/** An output that could not be collected. */
export interface OutputProblem {
  jobId: string;
  path: string;
  message: string;
}

/** What a job left, or all jobs of an array. */
export interface JobOutputs {
  job: Job;
  /** Newest attempt first; of an array in the order of its jobs. */
  artifacts: Artifact[];
  problems: OutputProblem[];
}

/** The outputs of all attempts, and what was attached to the job by a link. */
export async function jobOutputs(compute: Compute, jobId: string, output: Output): Promise<JobOutputs> {
  const job = await compute.jobs.retrieve(jobId, patience(output));
  const artifacts: Artifact[] = [];
  const problems: OutputProblem[] = [];
  for await (const one of jobsOf(compute, job, output)) {
    artifacts.push(
      ...(await Array.fromAsync(compute.artifacts.list({ jobId: one.jobId }, patience(output)))),
    );
    problems.push(...(one.outputProblems ?? []).map((problem) => ({ jobId: one.jobId, ...problem })));
  }
  return { job, artifacts, problems };
}

/** A job's outputs, and where each goes: those of an array's jobs into directories named by their indexes. Throws CliError `not_found`. */
export async function outputsToFetch(
  compute: Compute,
  job: Job,
  { to, attempt }: { to: string; attempt?: number | undefined },
  output: Output,
): Promise<Fetching[]> {
  if (job.array === undefined) return [{ artifact: await outputsOf(compute, job, attempt, output), to }];
  const fetchings: Fetching[] = [];
  for await (const one of jobsOf(compute, job, output)) {
    if (!one.outputs || one.attempt === 0) continue;
    const artifact = await outputsOf(compute, one, attempt, output).catch(absent);
    if (artifact) fetchings.push({ artifact, to: join(to, one.env.TANVRIT_ARRAY_INDEX ?? one.jobId) });
  }
  if (fetchings.length > 0) return fetchings;
  throw new CliError("not_found", `no job of the array ${job.jobId} has outputs`);
}

function absent(error: unknown): undefined {
  if (!(error instanceof CliError && error.code === "not_found")) throw error;
}

/** The outputs of the newest attempt that has some, or of this attempt. Throws CliError `not_found`. */
async function outputsOf(
  compute: Compute,
  job: Job,
  attempt: number | undefined,
  output: Output,
): Promise<Artifact> {
  const outputs: Artifact[] = [];
  for await (const one of compute.artifacts.list({ jobId: job.jobId, kind: "output" }, patience(output))) {
    if (attempt === undefined || one.attempt === attempt) outputs.push(one);
  }
  const [newest] = outputs.toSorted((a, b) => (b.attempt ?? 0) - (a.attempt ?? 0));
  if (newest) return newest;
  throw new CliError("not_found", `${job.jobId} has no outputs${ofAttempt(attempt)}: ${whyNone(job)}`);
}

function ofAttempt(attempt: number | undefined): string {
  return attempt === undefined ? "" : ` of attempt ${attempt}`;
}

function whyNone({ outputs, status, finishedAt, attempt, outputProblems = [] }: Job): string {
  if (!outputs) return "it was submitted without --output";
  if (attempt === 0) return `it is ${status} and has not run`;
  if (finishedAt === undefined) return `it is ${status}, and outputs are collected at the end`;
  const [first] = outputProblems;
  if (first) return `${first.path}: ${first.message}`;
  return `no file matched ${outputs.join(", ")}, or they are not kept any more`;
}

/** The job, or the jobs of the array. */
async function* jobsOf(compute: Compute, job: Job, output: Output): AsyncGenerator<Job, void, void> {
  if (job.array === undefined) yield job;
  else yield* compute.jobs.list({ arrayId: job.jobId }, patience(output));
}
