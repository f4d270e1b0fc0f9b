import { textOf } from "../../../shared/text-of.ts";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateCondition } from "../expressions/evaluate.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { jobContexts } from "./frame-scope.ts";
import { failJob, skipJob } from "./job-events.ts";
import type { LegEnd } from "./leg.ts";
import { worst } from "./results.ts";
import { runLeg } from "./run-leg.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";
import { Slots } from "./slots.ts";
import { statusFunctions } from "./status-functions.ts";
import { type Strategy, strategyOf } from "./strategy.ts";

/** As long as steps with always() have. */
const LAST_CALL_MS = 5 * 60_000;

/** Runs a job once all that it needs have ended: looks at its `if`, makes the combinations of its matrix, runs them. */
export async function runJobNode(
  run: RunState,
  frame: Frame,
  job: JobDefinition,
  needs: ReadonlyMap<string, JobEnd>,
): Promise<JobEnd> {
  const ends = [...needs.values()];
  const upstream = {
    upstreamFailed: ends.some((end) => end.result === "failure" || end.upstreamFailed),
    upstreamSucceeded: ends.every((end) => end.result === "success" && end.upstreamSucceeded),
  };
  const over = (result: Conclusion): JobEnd => ({
    ...upstream,
    result,
    outputs: {},
    failsRun: result === "failure",
    ran: result === "failure",
  });
  const contexts = jobContexts(run, frame, job, needs);
  let strategy: Strategy;
  try {
    const functions = statusFunctions({
      cancelled: frame.cancel.aborted || run.cancel.aborted,
      failed: upstream.upstreamFailed,
      succeeded: upstream.upstreamSucceeded,
    });
    if (!evaluateCondition(job.if, { contexts: contextsOf(contexts), functions })) {
      skipJob(run, frame, job, contexts);
      return over("skipped");
    }
    strategy = strategyOf(job, contexts, frame, run.plan.request.matrix);
    for (const { matrix = {} } of strategy.legs)
      for (const name of Object.keys(matrix)) run.foundInMatrix.add(name);
  } catch (error) {
    failJob(run, frame, job, textOf(error));
    return over("failure");
  }
  if (strategy.legs.length === 0) {
    skipJob(run, frame, job, contexts, "no combination of its matrix has one of the values of --matrix");
    return over("skipped");
  }
  const rerun = frame.rerun || ends.some((end) => end.ran);
  return { ...upstream, ...(await runLegs(run, frame, job, needs, strategy, rerun)) };
}

type LegsEnd = Omit<JobEnd, "upstreamFailed" | "upstreamSucceeded">;

async function runLegs(
  run: RunState,
  frame: Frame,
  job: JobDefinition,
  needs: ReadonlyMap<string, JobEnd>,
  strategy: Strategy,
  rerun: boolean,
): Promise<LegsEnd> {
  const stop = new AbortController();
  // A job with always() or cancelled() still runs after a cancel, for a while.
  const above = frame.cancel.aborted ? AbortSignal.timeout(LAST_CALL_MS) : frame.cancel;
  const cancel = AbortSignal.any([above, stop.signal]);
  const slots = new Slots(strategy.maxParallel);
  let outputs: Record<string, string> = {};
  const one = async (leg: Strategy["legs"][number]): Promise<LegEnd> => {
    const end = await runLeg({ run, frame, job, needs, leg, slots, cancel, rerun });
    if (end.result === "failure" && strategy.failFast && strategy.legs.length > 1) stop.abort("fail-fast");
    outputs = { ...outputs, ...nonEmpty(end.outputs, outputs) };
    return end;
  };
  const ends = await Promise.all(strategy.legs.map(one));
  return {
    result: worst(ends.map((end) => end.result)),
    outputs,
    failsRun: ends.some((end) => end.failsRun),
    ran: ends.some((end) => end.ran),
  };
}

/** A combination that sets an output to nothing does not hide that of another one. */
function nonEmpty(outputs: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(outputs).filter(([name, value]) => value !== "" || !(name in before)),
  );
}
