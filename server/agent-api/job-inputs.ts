import { ComputeError, errorCodes } from "../../shared/errors.ts";
import { globBase, type JobInput, parseInputSource } from "../../shared/job-files.ts";
import type { JobInputs, PlacedInput } from "../../shared/node.ts";
import type { ArtifactRecord, ArtifactStore } from "../artifact/artifact-store.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { NodeIdentity } from "../http/handler.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import { needsOf } from "../job/job-needs.ts";
import { isCurrent, type JobRecord } from "../job/job-record.ts";
import { type Outcome, outcomeOf, wantedEnd } from "../job/outcome.ts";
import type { SecretService } from "../secret/secret-service.ts";
import type { RunStore } from "../workflow/run-store.ts";
import { variablesFrom } from "./result-variables.ts";

export interface JobInputsParts {
  executions: Pick<ExecutionStore, "findOfNode" | "list">;
  flow: Pick<JobFlowStore, "findMany" | "arrayMembers">;
  artifacts: Pick<ArtifactStore, "find">;
  secrets: Pick<SecretService, "missing" | "open">;
  runs: Pick<RunStore, "find">;
}

/** Files of a job or an array, before their artifact is looked up. */
type Wanted = Omit<PlacedInput, "type" | "tree" | "to"> & { to: string | undefined };

/** Each may have large results. */
const PAGE = 100;

/**
 * What a job gets before its command starts: files, results of other jobs, and secrets. It is put together when the node
 * asks, because other jobs end and secrets change until then.
 */
export class JobInputsService {
  constructor(private readonly parts: JobInputsParts) {}

  /**
   * Throws ComputeError `not_found` if the node does not have the execution or it is over, and `conflict` if the job
   * cannot start; its message is for the job's user.
   */
  async of(node: Pick<NodeIdentity, "nodeId">, executionId: string): Promise<JobInputs> {
    const [assigned] = await this.parts.executions.findOfNode(node.nodeId, [executionId]);
    if (!assigned || !isCurrent(assigned)) {
      throw new ComputeError("not_found", `This node has no execution ${executionId} that is not over.`);
    }
    const { job } = assigned;
    const outcomes = await this.outcomesFor(job);
    const inputs = await this.placed(job, outcomes);
    const { env, notes } = variablesFrom(job, outcomes);
    const previousRun = job.rerunOf === undefined ? undefined : await this.parts.runs.find(job.rerunOf);
    return { inputs, env, notes, ...(await this.secretsOf(job)), previousRun: previousRun?.run };
  }

  /** What has become of the jobs whose outputs or results the job takes. */
  private async outcomesFor(job: JobRecord): Promise<ReadonlyMap<string, Outcome>> {
    const ids = new Set(job.manifest.envFrom);
    for (const { from } of job.manifest.inputs ?? []) {
      const source = parseInputSource(from);
      if (source.kind === "job") ids.add(source.jobId);
    }
    const found = ids.size === 0 ? [] : await this.parts.flow.findMany(job.businessId, [...ids]);
    const outcomes = new Map<string, Outcome>();
    for (const source of found)
      outcomes.set(source.jobId, await this.outcome(source, wantedEnd(job, source.jobId)));
    return outcomes;
  }

  private async outcome(source: JobRecord, on: ReturnType<typeof wantedEnd>): Promise<Outcome> {
    const outcome = outcomeOf(source, on);
    if (outcome !== "earlier") return outcome;
    const { businessId, jobId } = source;
    const query = { businessId, jobId, nodeId: undefined, beforeExecutionId: undefined, limit: 1 };
    const [success] = await this.parts.executions.list({ ...query, status: ["SUCCEEDED"] });
    return success ? { job: source, end: success.end ?? {} } : { job: source };
  }

  private async placed(job: JobRecord, outcomes: ReadonlyMap<string, Outcome>): Promise<PlacedInput[]> {
    const wanted: Wanted[] = [];
    for (const [i, input] of (job.manifest.inputs ?? []).entries()) {
      const field = `inputs.${i}.from`;
      const source = parseInputSource(input.from);
      if (source.kind === "artifact") wanted.push({ artifactId: source.artifactId, to: input.to, field });
      else if (source.kind === "job")
        wanted.push(...(await this.outputsOf(outcomes.get(source.jobId), input, job, source, field)));
    }
    const ids = [...new Set(wanted.map(({ artifactId }) => artifactId))];
    const found = ids.length === 0 ? [] : await this.parts.artifacts.find(job.businessId, ids);
    const artifacts = new Map(found.map((artifact) => [artifact.artifactId, artifact]));
    return wanted.map((one) => {
      const artifact = artifacts.get(one.artifactId);
      if (!artifact) throw removed(one);
      return { ...one, to: placeOf(one.to, artifact), type: artifact.type, tree: artifact.tree };
    });
  }

  /** The outputs of a job; of an array, those of each of its jobs, in a directory named after its index. */
  private async outputsOf(
    outcome: Outcome | undefined,
    { to }: JobInput,
    job: JobRecord,
    { jobId, glob }: { jobId: string; glob: string },
    field: string,
  ): Promise<Wanted[]> {
    if (!outcome) throw noJob(field, jobId);
    const base = to === undefined ? undefined : globBase(glob);
    const files = (artifactId: string, place: string | undefined): Wanted => {
      return { artifactId, to: place, glob, base: base === "." ? undefined : base, field };
    };
    if (outcome.job.manifest.array === undefined) {
      const artifactId = artifactOf(outcome, field);
      return [files(artifactId, to)];
    }
    const wanted: Wanted[] = [];
    for await (const member of this.membersOf(jobId)) {
      const { end } = await this.outcome(member, wantedEnd(job, jobId));
      const index = member.manifest.env.TANVRIT_ARRAY_INDEX ?? "";
      const place = to === undefined || to === "." ? index : `${to}/${index}`;
      if (end?.artifactId !== undefined) wanted.push(files(end.artifactId, place));
    }
    if (wanted.length === 0)
      throw conflict(
        `${field}: no job of array ${jobId} has outputs. Its manifest must list them in outputs.`,
      );
    return wanted;
  }

  private async *membersOf(arrayId: string): AsyncGenerator<JobRecord, void, void> {
    let behind: string | undefined;
    for (;;) {
      const page = await this.parts.flow.arrayMembers(arrayId, behind, PAGE);
      yield* page;
      behind = page.at(-1)?.jobId;
      if (page.length < PAGE) return;
    }
  }

  private async secretsOf(
    job: JobRecord,
  ): Promise<Pick<JobInputs, "secretEnv" | "secretFiles" | "workflowSecrets">> {
    const { secretEnv = {}, secretFiles = {}, workflow } = job.manifest;
    const { secrets } = needsOf(job.manifest, "");
    if (secrets.length === 0) return { secretEnv, secretFiles };
    const names = [...new Set(secrets.map(({ name }) => name))];
    const missing = new Set(await this.parts.secrets.missing(job.businessId, names));
    const gone = secrets.find(({ name }) => missing.has(name));
    if (gone)
      throw conflict(`${gone.path}: there is no secret ${gone.name} any more. Set it, and retry this job.`);
    const values = await this.open(job, names);
    try {
      const withValues = (wanted: Readonly<Record<string, string>>) =>
        Object.fromEntries(
          Object.entries(wanted).map(([place, name]) => [place, base64Of(values.get(name))]),
        );
      return {
        secretEnv: withValues(secretEnv),
        secretFiles: withValues(secretFiles),
        ...(workflow?.secrets && { workflowSecrets: withValues(workflow.secrets) }),
      };
    } finally {
      for (const value of values.values()) value.fill(0);
    }
  }

  /** Whatever keeps a user's job from its secrets is a reason not to start it. */
  private async open({ businessId, userId }: JobRecord, names: readonly string[]) {
    try {
      return await this.parts.secrets.open(businessId, userId, names);
    } catch (error) {
      if (!(error instanceof ComputeError) || errorCodes[error.code].retryable) throw error;
      throw conflict(error.message);
    }
  }
}

/** Where an artifact goes. A directory's content goes to `to` itself, and a single file becomes `to`. */
function placeOf(to: string | undefined, { type, name }: ArtifactRecord): string {
  if (to !== undefined && (type === "directory" || to !== ".")) return to;
  return type === "directory" ? "." : name;
}

/** The artifact with the outputs of a job. */
function artifactOf({ job: { jobId, status, manifest }, end }: Outcome, field: string): string {
  if (!end) throw conflict(`${field}: job ${jobId} has not succeeded; it is ${status}. Retry it first.`);
  if (end.artifactId !== undefined) return end.artifactId;
  const why = manifest.outputs
    ? `no file matched its outputs (${manifest.outputs.join(", ")})`
    : "its manifest has no outputs";
  throw conflict(`${field}: job ${jobId} left no files: ${why}.`);
}

function base64Of(value: Uint8Array | undefined): string {
  if (!value) throw new Error("A secret was opened without its value");
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
}

function noJob(field: string, jobId: string): ComputeError {
  return conflict(`${field}: there is no job ${jobId} any more, so its outputs are gone.`);
}

function removed({ field, artifactId, glob }: Wanted): ComputeError {
  const what = glob === undefined ? `artifact ${artifactId}` : `artifact ${artifactId} with the outputs`;
  const todo = glob === undefined ? "Upload the files again" : "Retry that job";
  return conflict(`${field}: ${what} was removed. ${todo}, and submit this job again.`);
}

function conflict(message: string): ComputeError {
  return new ComputeError("conflict", message);
}
