import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { contextsOf } from "../../../agent/workflow/expressions/evaluate.ts";
import { repositoryOf } from "../../../agent/workflow/run/git-facts.ts";
import { requestProblems } from "../../../agent/workflow/run/prepare-run.ts";
import { inputsOf } from "../../../agent/workflow/syntax/inputs.ts";
import type { Workflow } from "../../../agent/workflow/syntax/model.ts";
import { isObject } from "../../../agent/workflow/trigger/merge.ts";
import type { WorkflowRequest } from "../../../shared/workflow-request.ts";
import { CliError } from "../../exit/failure.ts";
import { type ChosenWorkflow, chooseWorkflows, problemsError } from "./chosen-workflows.ts";
import { askGit } from "./git.ts";
import { findWorkflows, pathInRepository, type RemoteRepository, readRepository } from "./repository.ts";
import type { RequestValues } from "./request-options.ts";
import { RunSource } from "./run-source.ts";
import type { RunWishes } from "./wishes.ts";

/** The runs that one command asks for. */
export interface PlannedRuns {
  runs: PlannedRun[];
  /** Absent if the repository is cloned where the runs run. */
  source: RunSource | undefined;
}

export interface PlannedRun {
  request: WorkflowRequest;
  /** Absent if only the clone has it. */
  workflow: Workflow | undefined;
}

type PlanOptions = Pick<RequestValues, "event" | "input" | "repo" | "no-ignore">;

/** Finds and checks the workflows at a path. Throws CliError and FileError before anything is sent or run. */
export async function planRuns(path: string, wishes: RunWishes, options: PlanOptions): Promise<PlannedRuns> {
  const given = options.repo === undefined ? undefined : readRepository(options.repo);
  if (given && "url" in given) return { runs: [cloned(path, wishes, options, given)], source: undefined };
  const place = await findWorkflows(path, given?.directory);
  const chosen = await chooseWorkflows(place, { event: options.event, inputs: options.input });
  const problems = chosen.flatMap((one) => requestProblemsOf(one, wishes));
  if (problems.length > 0) throw problemsError(problems);
  const files = new Map(chosen.map(({ file }) => [pathInRepository(place.top, file), realpathSync(file)]));
  const repository = await repositoryName(place.top);
  const runs = chosen.map(({ workflow, event }) => ({
    request: { repository, ...wishes.fields, path: workflow.path, event },
    workflow,
  }));
  return { runs, source: new RunSource(place, files, options) };
}

/** OWNER/NAME of the remote `origin`; without one, that of the directory. */
async function repositoryName(top: string): Promise<string> {
  const url = await askGit(top, "config", "--get", "remote.origin.url");
  const name = basename(top).replace(/[^\w.-]+/g, "-") || "repository";
  return repositoryOf(url) ?? `local/${name}`;
}

/** What the request lacks for the workflow, or gives it and it does not know. */
function requestProblemsOf({ file, workflow, event }: ChosenWorkflow, { fields, secrets }: RunWishes) {
  const { payload = {}, inputs, jobs } = fields;
  const given = { ...(isObject(payload.inputs) ? payload.inputs : {}), ...inputs };
  const scope = { contexts: contextsOf({}), functions: new Map() };
  const names = [...Object.keys(secrets), ...Object.keys(fields.secrets ?? {})];
  return [
    ...inputsOf(workflow, event, given, scope).problems,
    ...requestProblems({ event, jobs }, workflow, names),
  ].map((problem) => ({ ...problem, file }));
}

function cloned(
  path: string,
  { fields }: RunWishes,
  { event = "push" }: PlanOptions,
  clone: RemoteRepository,
): PlannedRun {
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new CliError(
      "usage",
      `${path}: with a URL as --repo, PATH must be a path from the top of that repository`,
      {
        todo: "Write it like .github/workflows/ci.yml",
      },
    );
  }
  return { request: { ...fields, path: path.replace(/^(\.\/+)+/, ""), event, clone }, workflow: undefined };
}
