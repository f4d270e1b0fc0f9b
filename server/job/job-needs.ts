import { ComputeError, type FieldError } from "../../shared/errors.ts";
import { type JobInput, parseInputSource } from "../../shared/job-files.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { JobRecord } from "./job-record.ts";

/** What a field of a manifest names. */
export interface Named {
  /** `inputs.0.from`. */
  path: string;
  /** The id of an artifact, or the name of a secret. */
  name: string;
  /** The job whose outputs the artifact has, if the field names that job. */
  outputsOf?: string;
}

/** What must exist for a job to run. */
export interface JobNeeds {
  artifacts: Named[];
  secrets: Named[];
}

/** Throws ComputeError `invalid_request` or `forbidden`, naming the field, unless the business has what the job needs. */
export type NeedsCheck = (by: { businessId: string; userId: string }, needs: JobNeeds) => Promise<void>;

export interface NeedsCheckParts {
  /** Keeps the artifacts at least until then, and resolves with those that exist. */
  hold(
    businessId: string,
    artifactIds: readonly string[],
    untilMs: number,
  ): Promise<readonly { artifactId: string }[]>;
  /** The names that no secret of the business has. */
  missingSecrets(businessId: string, names: readonly string[]): Promise<string[]>;
  mayUseSecrets(businessId: string, userId: string): Promise<boolean>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** How long the artifacts of a job are kept until it is stored; from then on the job keeps them. */
const HOLD_MS = 24 * 60 * 60_000;
const AT_ONCE = 500;

/**
 * What a manifest needs. `at` is the beginning of its fields' paths, `others` the jobs that it names: if one of them has
 * succeeded, its outputs are needed too.
 */
export function needsOf(
  {
    inputs = [],
    secretEnv,
    secretFiles,
    workflow,
  }: Pick<JobManifest, "inputs" | "secretEnv" | "secretFiles" | "workflow">,
  at: string,
  others: ReadonlyMap<string, JobRecord> = new Map(),
): JobNeeds {
  const fields = [
    ["secretEnv", secretEnv],
    ["secretFiles", secretFiles],
    ["workflow.secrets", workflow?.secrets],
  ] as const;
  const secrets = fields.flatMap(([field, names]) =>
    names ? Object.entries(names).map(([place, name]) => ({ path: `${at}${field}.${place}`, name })) : [],
  );
  const artifacts = inputs.flatMap((input, i) => artifactOf(input, `${at}inputs.${i}.from`, others));
  return { artifacts, secrets };
}

function artifactOf({ from }: JobInput, path: string, others: ReadonlyMap<string, JobRecord>): Named[] {
  const source = parseInputSource(from);
  if (source.kind === "artifact") return [{ path, name: source.artifactId }];
  const other = source.kind === "job" ? others.get(source.jobId) : undefined;
  const name = other?.status === "SUCCESS" ? other.end?.artifactId : undefined;
  return other && name !== undefined ? [{ path, name, outputsOf: other.jobId }] : [];
}

export function needsCheck(parts: NeedsCheckParts): NeedsCheck {
  return async (by, { artifacts, secrets }) => {
    if (secrets.length > 0 && !(await parts.mayUseSecrets(by.businessId, by.userId))) {
      const detail = `${secrets[0]?.path}: you may not use the secrets of this business, so your jobs cannot have them.`;
      throw new ComputeError("forbidden", detail);
    }
    const unknown = new Set(await inPieces(secrets, (names) => parts.missingSecrets(by.businessId, names)));
    const untilMs = parts.now() + HOLD_MS;
    const held = new Set(
      await inPieces(artifacts, async (ids) =>
        (await parts.hold(by.businessId, ids, untilMs)).map(({ artifactId }) => artifactId),
      ),
    );
    refuse([
      ...artifacts.flatMap((one) => (held.has(one.name) ? [] : [{ path: one.path, message: removed(one) }])),
      ...secrets.flatMap(({ path, name }) =>
        unknown.has(name)
          ? [{ path, message: `there is no secret ${name}; set it with: tanvrit-compute secret set ${name}` }]
          : [],
      ),
    ]);
  };
}

function removed({ name, outputsOf }: Named): string {
  return outputsOf === undefined
    ? `artifact ${name} does not exist or was removed; upload the files again`
    : `the outputs of job ${outputsOf} were removed; run that job again`;
}

function refuse(errors: FieldError[]): void {
  const [first] = errors;
  if (!first) return;
  const detail = `The job cannot run: ${first.path}: ${first.message}.`;
  throw new ComputeError("invalid_request", detail, { errors });
}

/** Calls `ask` with different names, a few at a time, and joins the answers. */
async function inPieces(
  named: readonly Named[],
  ask: (names: readonly string[]) => Promise<string[]>,
): Promise<string[]> {
  const names = [...new Set(named.map(({ name }) => name))];
  const answers: string[] = [];
  for (let i = 0; i < names.length; i += AT_ONCE) {
    for (const answer of await ask(names.slice(i, i + AT_ONCE))) answers.push(answer);
  }
  return answers;
}
