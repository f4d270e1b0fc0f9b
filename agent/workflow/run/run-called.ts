import type { data } from "@actions/expressions";
import { textOf } from "../../../shared/text-of.ts";
import { evaluateText, evaluateTexts, evaluateToken, toData } from "../expressions/evaluate.ts";
import type { Value } from "../expressions/scope.ts";
import { inputsOf } from "../syntax/inputs.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { fieldsOf, pairsOf } from "../syntax/template.ts";
import { GroupCancelled, groupWish, inGroup } from "./concurrency.ts";
import { githubData, scopeOf } from "./frame-scope.ts";
import { failJob } from "./job-events.ts";
import type { LegEnd, ReadyLeg } from "./leg.ts";
import type { LoadedWorkflow } from "./load-workflows.ts";
import { worst } from "./results.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";

/** Runs the workflow that a job calls; its jobs are named after the calling one. */
export async function runCalled(ready: ReadyLeg): Promise<LegEnd> {
  const { run, frame, job, leg, name } = ready;
  const fail = (message: string): LegEnd => {
    failJob(run, frame, job, message, { key: leg.key, name, change: ready.about });
    return { result: "failure", outputs: {}, failsRun: true, ran: true };
  };
  const loaded = frame.loaded.calls.get(job.id);
  if (!loaded) return fail(`The workflow ${job.call?.uses} was not read.`);
  let called: Frame;
  try {
    called = calledFrame(ready, loaded);
    const wish = groupWish(loaded.workflow.concurrency, calledContexts(run, called));
    const at = { what: leg.key, groups: called.groups, cancel: called.cancel };
    return await inGroup(run, wish, at, async ({ cancel, groups }) => {
      const within = { ...called, cancel, groups };
      return endOf(run, within, await run.runFrame(run, within));
    });
  } catch (error) {
    if (error instanceof GroupCancelled) throw error;
    return fail(textOf(error));
  }
}

/** Throws an Error for people. */
function calledFrame(ready: ReadyLeg, loaded: LoadedWorkflow): Frame {
  const { run, frame, job, leg, name, contexts } = ready;
  const scope = scopeOf(contexts);
  const given: Record<string, Value> = {};
  for (const [input, token] of pairsOf(job.call?.with)) given[input] = evaluateToken(token, scope);
  const own = { github: githubData(run, {}), vars: run.vars };
  const { inputs, problems } = inputsOf(loaded.workflow, "workflow_call", given, scopeOf(own));
  if (problems.length > 0) {
    throw new Error(`${job.call?.uses}: ${problems.map(({ message }) => message).join("; ")}`);
  }
  return {
    loaded,
    prefix: { key: `${leg.key} / `, id: `${frame.prefix.id}${job.id}/`, name: `${name} / ` },
    inputs,
    secrets: calledSecrets(job, frame, contexts),
    cancel: ready.cancel,
    groups: ready.groups,
    rerun: ready.rerun,
  };
}

/** All of the caller's with `inherit`, else those that it names; the token of the run always. */
function calledSecrets(
  job: JobDefinition,
  frame: Frame,
  contexts: Readonly<Record<string, data.ExpressionData>>,
): Record<string, string> {
  const { secrets } = frame;
  const wanted = job.call?.secrets;
  if (wanted === "inherit") return { ...secrets };
  const token = Object.entries(secrets).filter(([name]) => name.toUpperCase() === "GITHUB_TOKEN");
  const scope = scopeOf({ ...contexts, secrets: toData(secrets) });
  return { ...Object.fromEntries(token), ...evaluateTexts(wanted, scope) };
}

function calledContexts(run: RunState, frame: Frame): Record<string, data.ExpressionData> {
  return { github: githubData(run, {}), vars: run.vars, inputs: frame.inputs };
}

function endOf(run: RunState, frame: Frame, ends: ReadonlyMap<string, JobEnd>): LegEnd {
  const all = [...ends.values()];
  const jobs = Object.fromEntries([...ends].map(([id, { result, outputs }]) => [id, { result, outputs }]));
  const scope = scopeOf({ ...calledContexts(run, frame), jobs: toData(jobs) });
  const call = fieldsOf(frame.loaded.workflow.onToken).get("workflow_call");
  const outputs: Record<string, string> = {};
  for (const [name, token] of pairsOf(fieldsOf(call).get("outputs"))) {
    outputs[name] = evaluateText(fieldsOf(token).get("value"), scope);
  }
  return {
    result: worst(all.map((end) => end.result)),
    outputs,
    failsRun: all.some((end) => end.failsRun),
    ran: all.some((end) => end.ran),
  };
}
