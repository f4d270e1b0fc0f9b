import { existsSync } from "node:fs";
import type { data } from "@actions/expressions";
import type { WorkflowRequest } from "../../../shared/workflow-request.ts";
import { toData } from "../expressions/evaluate.ts";
import type { RunPlan } from "../plan.ts";
import { secretDefinitions } from "../syntax/check-call.ts";
import { inputsOf } from "../syntax/inputs.ts";
import type { SyntaxProblem, Workflow } from "../syntax/model.ts";
import { triggeredBy } from "../syntax/triggers.ts";
import { type EventFacts, eventFacts } from "../trigger/event-facts.ts";
import { githubContext } from "../trigger/github-context.ts";
import { isObject, type JsonObject } from "../trigger/merge.ts";
import { cloneRepository } from "./clone-repository.ts";
import { scopeOf } from "./frame-scope.ts";
import { type GitFacts, gitFacts } from "./git-facts.ts";
import { type LoadedWorkflow, loadWorkflows, type ReadRemote } from "./load-workflows.ts";
import { isSameId } from "./run-frame.ts";
import { runNumber } from "./run-number.ts";

/** A run that can begin: its workflows are read, its event is whole. */
export interface PreparedRun {
  loaded: LoadedWorkflow;
  /** The `github` context without what belongs to a job. */
  github: JsonObject;
  inputs: data.ExpressionData;
}

export type Preparation = { problems: SyntaxProblem[] } | { notTriggered: string } | PreparedRun;

/** What git says about the working copy, which is cloned first if the request asks for it. Throws an Error for people. */
export async function readSource({ request, source }: RunPlan, signal: AbortSignal): Promise<GitFacts> {
  if (request.clone) await cloneRepository(request.clone, source, signal);
  return existsSync(source) ? gitFacts(source, signal) : {};
}

/** OWNER/NAME of the run. */
export function repositoryName({ request }: RunPlan, git: GitFacts): string {
  const [, name = "repository"] = /([\w.-]+?)(?:\.git)?\/*$/.exec(request.clone?.url ?? "") ?? [];
  return request.repository ?? git.repository ?? `local/${name}`;
}

/** Reads the workflows and makes the event. */
export async function prepareRun(
  plan: RunPlan,
  git: GitFacts,
  secrets: Readonly<Record<string, string>>,
  readRemote: ReadRemote,
  signal: AbortSignal,
): Promise<Preparation> {
  const { request } = plan;
  const { loaded, problems } = await loadWorkflows(request.path, plan.source, readRemote);
  if (!loaded) return { problems };
  const { workflow } = loaded;
  const given = (request.payload ?? {}) as JsonObject;
  const trigger = triggeredBy(workflow, { name: request.event, payload: given });
  if (!trigger.runs) return { notTriggered: `The workflow does not run: ${trigger.why}.` };
  const facts = eventOf(plan, git, workflow, given);
  const number = await runNumber(plan, repositoryName(plan, git), signal);
  const github = { ...githubOf(plan, git, loaded, facts, secrets), run_number: String(number) };
  const told = { ...(isObject(given.inputs) ? given.inputs : {}), ...request.inputs };
  const scope = scopeOf({ github: toData(github), vars: toData(request.vars ?? {}) });
  const inputs = inputsOf(workflow, request.event, told, scope);
  const unfit = [...inputs.problems, ...requestProblems(request, workflow, Object.keys(secrets))];
  if (unfit.length > 0) return { problems: unfit };
  if (request.event === "workflow_dispatch" && Object.keys(inputs.texts).length > 0) {
    facts.payload.inputs = inputs.texts;
  }
  return { loaded, github, inputs: inputs.inputs };
}

function eventOf(plan: RunPlan, git: GitFacts, { on }: Workflow, given: JsonObject): EventFacts {
  const { request } = plan;
  const config = on[request.event] as { types?: string[]; workflows?: string[] } | undefined;
  return eventFacts({
    event: request.event,
    given,
    actor: request.actor ?? plan.actor,
    repository: repositoryName(plan, git),
    ref: request.ref ?? git.ref ?? "refs/heads/main",
    sha: request.sha ?? git.sha ?? "0".repeat(40),
    workflowPath: request.path,
    activity: config?.types?.[0],
    awaited: config?.workflows?.[0],
    cron: on.schedule?.[0]?.cron,
    inputs: request.inputs,
    message: git.message,
  });
}

function githubOf(
  plan: RunPlan,
  git: GitFacts,
  { workflow }: LoadedWorkflow,
  facts: EventFacts,
  secrets: Readonly<Record<string, string>>,
): JsonObject {
  const { request } = plan;
  const token = Object.entries(secrets).find(([name]) => name.toUpperCase() === "GITHUB_TOKEN")?.[1];
  return githubContext(
    {
      runId: plan.runId,
      attempt: plan.attempt,
      actor: request.actor ?? plan.actor,
      repository: repositoryName(plan, git),
      token: token ?? "",
      workflow: workflow.name ?? request.path,
      workflowPath: request.path,
      hasSecrets: Object.keys(secrets).length > 0,
    },
    facts,
  );
}

/** What the workflow lacks, or has not, for this request; its inputs are checked by `inputsOf`. */
export function requestProblems(
  request: Pick<WorkflowRequest, "event" | "jobs">,
  workflow: Workflow,
  secrets: readonly string[],
): SyntaxProblem[] {
  return [...missingSecrets(request.event, workflow, secrets), ...unknownJobs(request.jobs, workflow)];
}

/** A workflow that is only called has no caller here that could give it its secrets. */
function missingSecrets(event: string, workflow: Workflow, secrets: readonly string[]): SyntaxProblem[] {
  if (event !== "workflow_call") return [];
  const given = secrets.map((name) => name.toUpperCase());
  return secretDefinitions(workflow)
    .filter(({ name, required }) => required && !given.includes(name.toUpperCase()))
    .map(({ name }) => ({
      ...placeOf(workflow),
      message: `The required secret '${name}' is missing`,
      hint: `Give it with --secret ${name}=VALUE.`,
    }));
}

function unknownJobs(jobs: readonly string[] | undefined, workflow: Workflow): SyntaxProblem[] {
  const ids = [...workflow.jobs.keys()];
  return (jobs ?? [])
    .filter((id) => !ids.some((known) => isSameId(known, id)))
    .map((id) => ({
      ...placeOf(workflow),
      message: `The workflow has no job '${id}'`,
      hint: `Its jobs: ${ids.join(", ")}.`,
    }));
}

function placeOf({ path, onToken }: Workflow): { file: string; line: number; column: number } {
  const { line = 1, column = 1 } = onToken.range?.start ?? {};
  return { file: path, line, column };
}
