import { resolve } from "node:path";
import type { Env } from "../../../shared/config/home.ts";
import { type OptionValues, optionPairs } from "../../../shared/config/options.ts";
import { SOURCE_DIRECTORY, type WorkflowRequest } from "../../../shared/workflow-request.ts";
import { CliError } from "../../exit/failure.ts";
import { planRuns } from "./planned-runs.ts";
import { readWishes } from "./wishes.ts";
import type { workflowFlags } from "./workflow-flags.ts";
import { type WorkflowParts, workflowParts } from "./workflow-parts.ts";

interface WorkflowValues extends OptionValues<typeof workflowFlags> {
  /** Of the workflow, as KEY=VALUE. */
  input: readonly string[] | undefined;
  env: Record<string, string> | undefined;
  "secret-env": Record<string, string> | undefined;
  "no-ignore": boolean;
}

/** A job file may name a workflow, whose path begins in the file's directory. */
interface WorkflowOfFile {
  workflow?: WorkflowRequest | undefined;
  inputs?: readonly { to?: string | undefined }[] | undefined;
}

export interface JobWorkflow extends WorkflowParts {
  /** Values by the name that the workflow uses. */
  secrets: Record<string, string>;
}

/** The workflow that the options and a job file describe together, and what the job gets for it. Throws CliError and FileError. */
export async function jobWorkflow(
  options: WorkflowValues,
  { workflow: ofFile, inputs }: WorkflowOfFile,
  directory: string,
  env: Env,
): Promise<JobWorkflow> {
  const given = { ...options, input: inputsOf(options.input) };
  const { fields, secrets } = await readWishes(given, env);
  const wishes = { fields: { ...ofFile, ...fields }, secrets };
  const isRaw = ofFile?.clone !== undefined || inputs?.some(({ to }) => to === SOURCE_DIRECTORY);
  if (ofFile && isRaw && options.workflow === undefined) {
    const workflow = { ...ofFile, ...fields, event: options.event ?? ofFile.event };
    return { workflow, name: ofFile.path, labels: {}, inputs: [], secrets };
  }
  const path = options.workflow ?? (ofFile && resolve(directory, ofFile.path));
  if (path === undefined) {
    throw new CliError("usage", "a job of type GITHUB_ACTION needs a workflow", {
      todo: "Name its file with --workflow, for example --workflow .github/workflows/ci.yml",
    });
  }
  // A file that names no event has the default one, which its workflow need not have.
  const event = options.event ?? (ofFile?.event === "push" ? undefined : ofFile?.event);
  const { runs, source } = await planRuns(path, wishes, { ...given, event, input: wishes.fields.inputs });
  const [run, ...others] = runs;
  if (!run || others.length > 0) {
    throw new CliError(
      "usage",
      `--workflow ${path}: a job runs one workflow, and this directory has several`,
      {
        todo: "Name one file; workflow run takes a directory",
      },
    );
  }
  return { ...workflowParts(run, source, options["action-store"]), secrets };
}

const NO_FLAGS = {
  workflow: undefined,
  event: undefined,
  "event-file": undefined,
  job: undefined,
  matrix: undefined,
  var: undefined,
  secret: undefined,
  repo: undefined,
  "action-store": undefined,
  actor: undefined,
  repository: undefined,
  "keep-on-failure": false,
  input: undefined,
  env: undefined,
  "secret-env": undefined,
} satisfies Omit<WorkflowValues, "no-ignore">;

/** The workflow of a job file alone. Throws CliError and FileError. */
export function workflowOfFile(
  ofFile: WorkflowOfFile,
  directory: string,
  env: Env,
  options: { "no-ignore": boolean },
): Promise<JobWorkflow> {
  return jobWorkflow({ ...NO_FLAGS, ...options }, ofFile, directory, env);
}

function inputsOf(texts: readonly string[] | undefined): Record<string, string> | undefined {
  if (!texts) return undefined;
  const read = optionPairs("an input of the workflow").safeParse(texts);
  if (read.success) return read.data;
  throw new CliError("usage", `--input: ${read.error.issues[0]?.message}`);
}
