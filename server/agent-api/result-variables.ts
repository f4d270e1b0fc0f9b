import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { Outcome } from "../job/outcome.ts";

/** A name that every shell can read. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_NAMES_SHOWN = 10;

/**
 * The results of the jobs in `envFrom` as variables; a later job's win. Variables that the manifest sets itself are left
 * out, and so are results that cannot be variables: `notes` names those. Throws ComputeError `conflict`. Pure.
 */
export function variablesFrom(
  { manifest }: JobRecord,
  outcomes: ReadonlyMap<string, Outcome>,
): { env: Record<string, string>; notes: string[] } {
  const env = new Map<string, string>();
  const notes: string[] = [];
  for (const [i, jobId] of (manifest.envFrom ?? []).entries()) {
    const { end, job } = outcomes.get(jobId) ?? {};
    if (!job) throw conflict(`envFrom.${i}: there is no job ${jobId} any more, so its results are gone.`);
    if (!end)
      throw conflict(`envFrom.${i}: job ${jobId} has not succeeded; it is ${job.status}. Retry it first.`);
    const unusable: string[] = [];
    for (const [name, value] of Object.entries(end.results ?? {})) {
      if (VARIABLE_NAME.test(name) && !value.includes("\0")) env.set(name, value);
      else unusable.push(JSON.stringify(name));
    }
    if (unusable.length > 0) notes.push(leftOut(jobId, unusable));
  }
  for (const name of [...Object.keys(manifest.env), ...Object.keys(manifest.secretEnv ?? {})])
    env.delete(name);
  const variables = Object.fromEntries(env);
  const bytes = Buffer.byteLength(JSON.stringify({ ...variables, ...manifest.env }));
  if (bytes > limits.maxEnvBytes)
    throw conflict(
      `envFrom: the results and env have ${bytes} bytes together; an environment has at most ${limits.maxEnvBytes}. Take results of fewer jobs.`,
    );
  return { env: variables, notes };
}

function leftOut(jobId: string, names: readonly string[]): string {
  const more = names.length > MAX_NAMES_SHOWN ? ` and ${names.length - MAX_NAMES_SHOWN} more` : "";
  return `These results of job ${jobId} cannot be variables and are left out: ${names.slice(0, MAX_NAMES_SHOWN).join(", ")}${more}.`;
}

function conflict(message: string): ComputeError {
  return new ComputeError("conflict", message);
}
