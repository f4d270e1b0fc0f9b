import { ComputeError, type FieldError } from "../../shared/errors.ts";
import { parseInputSource } from "../../shared/job-files.ts";
import { limits } from "../../shared/limits.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { arraySizeProblem } from "../../shared/manifest-rules.ts";
import type { JobRecord } from "./job-record.ts";

/** The beginning of a path to a field of the i-th job of a request: empty, or `jobs.3.`. */
export type FieldPrefix = (i: number) => string;

/** A job whose outputs or results another job takes, and the field that names it. */
interface Source {
  jobId: string;
  field: string;
  takes: "outputs" | "results";
}

type Sources = Pick<JobManifest, "inputs" | "envFrom">;

/** The jobs whose outputs and results a job takes, in the order of the fields. */
export function sourcesOf({ inputs, envFrom }: Sources): Source[] {
  const outputs = (inputs ?? []).flatMap(({ from }, i): Source[] => {
    const source = parseInputSource(from);
    return source.kind === "job"
      ? [{ jobId: source.jobId, field: `inputs.${i}.from`, takes: "outputs" }]
      : [];
  });
  const results = (envFrom ?? []).map((jobId, i): Source => {
    return { jobId, field: `envFrom.${i}`, takes: "results" };
  });
  return [...outputs, ...results];
}

/** The artifacts and jobs whose files a job takes, by their ids, each once. */
export function inputIdsOf({ inputs }: Pick<JobManifest, "inputs">): string[] {
  const ids = (inputs ?? []).flatMap(({ from }) => {
    const source = parseInputSource(from);
    if (source.kind === "artifact") return [source.artifactId];
    return source.kind === "job" ? [source.jobId] : [];
  });
  return [...new Set(ids)];
}

/** The jobs that a manifest names, in any order. */
export function othersOf(manifest: Sources & Pick<JobManifest, "after">): string[] {
  return [...(manifest.after ?? []), ...sourcesOf(manifest)].map(({ jobId }) => jobId);
}

/**
 * The manifest with `after` for the jobs that it takes outputs or results from, unless it names them itself. A manifest
 * that takes none is returned as it is. Throws ComputeError `invalid_request` if they are too many. Pure.
 */
export function afterItsSources<Manifest extends JobManifest>(manifest: Manifest, at = ""): Manifest {
  if (!manifest.inputs && !manifest.envFrom) return manifest;
  const after = [...(manifest.after ?? [])];
  const named = new Set(after.map(({ jobId }) => jobId));
  for (const { jobId, field } of sourcesOf(manifest)) {
    if (named.has(jobId)) continue;
    named.add(jobId);
    after.push({ jobId, on: "success" });
    if (after.length > limits.maxAfter)
      throw refused(`${at}${field}`, `a job can wait for at most ${limits.maxAfter} other jobs`);
  }
  if (after.length === (manifest.after?.length ?? 0)) return manifest;
  const whole = { ...manifest, after };
  const problem = arraySizeProblem(whole);
  if (problem !== undefined) throw refused(`${at}array`, problem);
  return whole;
}

/** What is wrong with the other jobs that a manifest names. `others` are those that exist. Pure. */
export function problemsOfOthers(
  { after, ...sources }: Sources & Pick<JobManifest, "after">,
  others: ReadonlyMap<string, JobRecord>,
): FieldError[] {
  const taken = sourcesOf(sources);
  const known = new Set(taken.map(({ jobId }) => jobId));
  const named = (after ?? []).filter(({ jobId }) => !known.has(jobId));
  const missing = named.filter(({ jobId }) => !others.has(jobId));
  return [
    ...missing.map(({ jobId }) => ({ path: "after", message: noSuchJob(jobId) })),
    ...taken.flatMap(({ jobId, field, takes }) => {
      const message = sourceProblem(jobId, others.get(jobId), takes);
      return message === undefined ? [] : [{ path: field, message }];
    }),
  ];
}

function sourceProblem(
  jobId: string,
  other: JobRecord | undefined,
  takes: Source["takes"],
): string | undefined {
  if (!other) return noSuchJob(jobId);
  if (takes === "results") {
    if (other.manifest.array === undefined) return undefined;
    return `job ${jobId} is an array, which has no results; name one of its jobs`;
  }
  const { manifest, status, end } = other;
  if (!manifest.outputs) return `job ${jobId} keeps no files: its manifest has no outputs`;
  const isWithout = status === "SUCCESS" && manifest.array === undefined && end?.artifactId === undefined;
  return isWithout ? `job ${jobId} left no files: none matched ${manifest.outputs.join(", ")}` : undefined;
}

function noSuchJob(jobId: string): string {
  return `there is no job ${jobId} in this business`;
}

function refused(path: string, message: string): ComputeError {
  return new ComputeError("invalid_request", `The job cannot be submitted: ${path}: ${message}.`, {
    errors: [{ path, message }],
  });
}
