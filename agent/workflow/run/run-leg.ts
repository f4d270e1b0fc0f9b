import { textOf } from "../../../shared/text-of.ts";
import { evaluateToken } from "../expressions/evaluate.ts";
import { environmentName } from "../steps/environment.ts";
import { GroupCancelled, groupWish, type InGroup, inGroup, replaced } from "./concurrency.ts";
import { jobContexts, scopeOf } from "./frame-scope.ts";
import { endJob, failJob, type JobChange, keepJob, nameOfJob, now } from "./job-events.ts";
import type { LegEnd, LegStart, ReadyLeg } from "./leg.ts";
import { runCalled } from "./run-called.ts";
import { runSteps } from "./run-steps.ts";
import { whyNotHere } from "./runs-on.ts";

/** Runs one combination of a job, once there is room for it. */
export async function runLeg(start: LegStart): Promise<LegEnd> {
  const { run, frame, job, leg } = start;
  const { key } = leg;
  const kept = start.rerun ? undefined : run.previous.get(key);
  if (kept?.conclusion === "success" && !job.call) {
    keepJob(run, kept);
    return { result: "success", outputs: kept.outputs ?? {}, failsRun: false, ran: false };
  }
  let ready: ReadyLeg;
  try {
    ready = readyLeg(start);
  } catch (error) {
    failJob(run, frame, job, textOf(error), { key });
    return failed;
  }
  const notHere = job.call ? undefined : misfit(ready);
  if (notHere !== undefined) {
    failJob(run, frame, job, notHere, { key, name: ready.name, change: ready.about });
    return excused(ready, failed);
  }
  if (!job.call) run.recorder.event({ type: "job", job: { key, ...ready.about, status: "queued" } });
  if (!(await start.slots.take(start.cancel))) return cancelled(ready);
  try {
    const at = { what: key, groups: frame.groups, cancel: start.cancel };
    return await inGroup(run, ready.wish, at, (within) => runInGroup(ready, within));
  } catch (error) {
    if (error instanceof GroupCancelled && !start.cancel.aborted) return cancelled(ready, error.message);
    return cancelled(ready);
  } finally {
    start.slots.give();
  }
}

const failed: LegEnd = { result: "failure", outputs: {}, failsRun: true, ran: true };

/** Throws an Error for people if something about the job cannot be evaluated. */
function readyLeg(start: LegStart): ReadyLeg {
  const { run, frame, job, leg } = start;
  const contexts = jobContexts(run, frame, job, start.needs, leg);
  const scope = scopeOf(contexts);
  const name = nameOfJob(job, frame, contexts, leg);
  const told = evaluateToken(job.continueOnError, scope);
  const continueOnError = told === true || told === "true";
  const environment = environmentName(job.environment, scope);
  const about: JobChange = {
    id: frame.prefix.id + job.id,
    name,
    ...(leg.matrix ? { matrix: leg.matrix } : {}),
    ...(continueOnError ? { continueOnError } : {}),
    ...(environment === undefined ? {} : { environment: { name: environment } }),
  };
  const wish = groupWish(job.concurrency, contexts);
  return { ...start, contexts, name, continueOnError, wish, about, groups: frame.groups };
}

function misfit({ run, job, contexts }: ReadyLeg): string | undefined {
  try {
    return whyNotHere(evaluateToken(job.runsOn, scopeOf(contexts)), run.node);
  } catch (error) {
    return textOf(error);
  }
}

async function runInGroup(ready: ReadyLeg, within: InGroup): Promise<LegEnd> {
  const { run, job, leg } = ready;
  const start = { ...ready, cancel: within.cancel, groups: within.groups };
  if (job.call) return runCalled(start);
  if (!(await run.slots.take(within.cancel))) return cancelled(start);
  try {
    run.recorder.event({ type: "job", job: { key: leg.key, status: "in_progress", startedAt: now() } });
    const { conclusion, outputs } = await runSteps(start);
    if (within.wasReplaced()) {
      const message = replaced(ready.wish?.group ?? "");
      run.recorder.event({ type: "annotation", job: leg.key, annotation: { level: "failure", message } });
    }
    endJob(run, leg.key, { outputs: { ...outputs } }, conclusion);
    const timedOut = conclusion === "cancelled" && !within.cancel.aborted;
    return excused(ready, {
      result: conclusion,
      outputs,
      failsRun: conclusion === "failure" || timedOut,
      ran: true,
    });
  } finally {
    run.slots.give();
  }
}

/** A job with continue-on-error that fails, or runs out of time, counts as success. */
function excused({ continueOnError }: ReadyLeg, end: LegEnd): LegEnd {
  return continueOnError && end.failsRun ? { ...end, result: "success", failsRun: false } : end;
}

function cancelled({ run, leg, about }: ReadyLeg, message?: string): LegEnd {
  endJob(run, leg.key, { ...about, ...(message === undefined ? {} : { message }) }, "cancelled");
  if (message !== undefined) {
    run.recorder.event({ type: "annotation", job: leg.key, annotation: { level: "failure", message } });
  }
  return { result: "cancelled", outputs: {}, failsRun: false, ran: true };
}
