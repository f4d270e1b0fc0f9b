import { access, constants, mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { data } from "@actions/expressions";
import { textOf } from "../../../shared/text-of.ts";
import { inTime } from "../../../shared/wait.ts";
import type { Conclusion, WorkflowRun } from "../../../shared/workflow-run.ts";
import { evaluateText, toData } from "../expressions/evaluate.ts";
import { engineExit, type RunPlan } from "../plan.ts";
import type { SyntaxProblem } from "../syntax/model.ts";
import { problemText } from "../syntax/problem-text.ts";
import { GroupCancelled, groupWish, inGroup, replaced } from "./concurrency.ts";
import type { EngineExit, EngineIo, EngineParts, MakeParts } from "./engine-io.ts";
import { githubData, scopeOf } from "./frame-scope.ts";
import { hurried } from "./hurry.ts";
import { now } from "./job-events.ts";
import { nodeLabels } from "./node-labels.ts";
import { type PreparedRun, prepareRun, readSource, repositoryName } from "./prepare-run.ts";
import { takeSecrets } from "./read-plan.ts";
import { Recorder } from "./recorder.ts";
import { worst } from "./results.ts";
import { runFrame, withNeeds } from "./run-frame.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";
import { Slots } from "./slots.ts";
import { removeWork } from "./work-directories.ts";

const MIN_AT_ONCE = 2;
/** Containers of a run that ends at once have so long to go. */
const ABANDON_MS = 10_000;

/** How a run ended. `invalid`: it did not begin, because something is wrong with the workflow or the request. */
type RunEnd = Conclusion | "invalid";

/** Runs a workflow as GitHub would. What happens goes to the events and the log; the result says how the engine ends. */
export async function runWorkflow(plan: RunPlan, io: EngineIo, makeParts: MakeParts): Promise<EngineExit> {
  const recorder = new Recorder(plan.eventsFile, io.write, io.onEvent);
  const { request } = plan;
  const about = { name: request.path, path: request.path, event: request.event };
  recorder.event({ type: "run", run: { ...about, status: "in_progress", startedAt: now() } });
  let parts: EngineParts | undefined;
  const make: MakeParts = (...args) => {
    parts = makeParts(...args);
    return parts;
  };
  const end = await hurried(io.hurry, plan.directory, () => endOfRun(plan, io, recorder, make));
  // What cannot be removed in time is all that the person will find.
  if (io.hurry.aborted)
    await inTime(ABANDON_MS, parts?.abandon() ?? Promise.resolve()).catch(() => undefined);
  recorder.cancelOpen();
  const conclusion = end === "invalid" ? "failure" : end;
  const change: Partial<WorkflowRun> = { status: "completed", conclusion, completedAt: now() };
  if (end === "failure" && request.keepOnFailure) {
    change.keptDirectory = plan.directory;
    recorder.line(`The directory of the run stays for a day: ${plan.directory}`);
  } else {
    await removeWork(plan, recorder);
  }
  recorder.event({ type: "run", run: change });
  recorder.flush();
  return exitOf[end];
}

const exitOf: Record<RunEnd, EngineExit> = {
  success: engineExit.success,
  skipped: engineExit.success,
  failure: engineExit.failure,
  cancelled: engineExit.cancelled,
  invalid: engineExit.invalid,
};

/** Never throws. */
async function endOfRun(
  plan: RunPlan,
  io: EngineIo,
  recorder: Recorder,
  makeParts: MakeParts,
): Promise<RunEnd> {
  let parts: EngineParts | undefined;
  try {
    const secrets = await takeSecrets(plan.secretsFile);
    for (const value of Object.values(secrets)) recorder.mask.add(value);
    await makeCache(plan.cacheDirectory);
    const git = await readSource(plan, io.signal);
    const { signal, hurry } = io;
    parts = makeParts(plan, { repository: repositoryName(plan, git), signal, hurry });
    const prepared = await prepareRun(plan, git, secrets, parts.readRemote, io.signal);
    if ("problems" in prepared) {
      for (const problem of prepared.problems) annotateProblem(recorder, problem);
      return "invalid";
    }
    if ("notTriggered" in prepared) {
      const message = prepared.notTriggered;
      recorder.event({ type: "annotation", annotation: { level: "notice", message } });
      return "skipped";
    }
    return await runPrepared(stateOf(plan, recorder, parts, prepared, io.signal), prepared, secrets);
  } catch (error) {
    if (io.signal.aborted) return "cancelled";
    const isReplaced = error instanceof GroupCancelled;
    recorder.event({ type: "annotation", annotation: { level: "failure", message: textOf(error) } });
    return isReplaced ? "cancelled" : "failure";
  } finally {
    await parts?.close();
  }
}

async function makeCache(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    throw new Error(
      `The directory of caches cannot be used: ${textOf(error)}. Make ${directory} writable for this account.`,
    );
  }
}

async function runPrepared(
  run: RunState,
  { loaded, inputs }: PreparedRun,
  secrets: Readonly<Record<string, string>>,
): Promise<RunEnd> {
  const { recorder, plan, cancel } = run;
  const { jobs, concurrency } = loaded.workflow;
  const contexts = { github: githubData(run, {}), inputs, vars: run.vars };
  const wanted = plan.request.jobs && withNeeds(plan.request.jobs, jobs);
  const jobIds = [...jobs.keys()].filter((id) => wanted?.has(id) ?? true);
  recorder.event({ type: "run", run: { name: nameOfRun(loaded.workflow, contexts), jobIds } });
  const hasMany = [...jobs.values()].some((job) => job.strategy ?? job.call);
  if ((wanted?.size ?? jobs.size) > 1 || hasMany) recorder.nameJobs();
  const prefix = { key: "", id: "", name: "" };
  const at = { what: loaded.workflow.path, groups: [], cancel };
  const wish = groupWish(concurrency, contexts);
  return inGroup(run, wish, at, async (within) => {
    const { groups } = within;
    const frame: Frame = { loaded, prefix, inputs, secrets, cancel: within.cancel, groups, rerun: false };
    const ends = await runFrame(run, frame, wanted);
    if (wish && within.wasReplaced()) {
      const annotation = { level: "failure" as const, message: replaced(wish.group) };
      recorder.event({ type: "annotation", annotation });
    }
    const conclusion = conclusionOf([...ends.values()], within.cancel);
    return conclusion === "success" && !isMatrixFound(run) ? "failure" : conclusion;
  });
}

/** A wish for combinations that no job has is a mistake: a misspelt name, for example. */
function isMatrixFound({ plan, recorder, foundInMatrix }: RunState): boolean {
  const wanted = Object.entries(plan.request.matrix ?? {});
  const lacking = wanted.filter(([name]) => !foundInMatrix.has(name));
  for (const [name, values] of lacking) {
    const message = `No combination of a matrix that ran has ${values.map((value) => `${name}=${value}`).join(" or ")}.`;
    recorder.event({ type: "annotation", annotation: { level: "failure", message } });
  }
  return lacking.length === 0;
}

function conclusionOf(ends: readonly JobEnd[], cancel: AbortSignal): Conclusion {
  if (cancel.aborted) return "cancelled";
  if (ends.some((end) => end.failsRun)) return "failure";
  return worst(ends.map((end) => end.result)) === "cancelled" ? "cancelled" : "success";
}

function stateOf(
  plan: RunPlan,
  recorder: Recorder,
  parts: EngineParts,
  { github }: PreparedRun,
  cancel: AbortSignal,
): RunState {
  let directories = 0;
  return {
    plan,
    recorder,
    parts,
    github,
    vars: toData(plan.request.vars ?? {}),
    slots: new Slots(Math.max(MIN_AT_ONCE, availableParallelism())),
    nextDirectory: () => ++directories,
    foundInMatrix: new Set(),
    cancel,
    runFrame,
    previous: new Map((plan.previous?.jobs ?? []).map((job) => [job.key, job])),
    node: { labels: nodeLabels(plan.nodeLabels), mapping: plan.runsOn },
  };
}

function nameOfRun(
  { runName, name, path }: PreparedRun["loaded"]["workflow"],
  contexts: Readonly<Record<string, data.ExpressionData>>,
): string {
  const own = name ?? path;
  return runName === undefined ? own : evaluateText(runName, scopeOf(contexts)).trim() || own;
}

function annotateProblem(recorder: Recorder, problem: SyntaxProblem): void {
  const { file, line, column } = problem;
  const annotation = { level: "failure" as const, message: problemText(problem), file, line, column };
  recorder.event({ type: "annotation", annotation });
}
