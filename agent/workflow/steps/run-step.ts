import { textOf } from "../../../shared/text-of.ts";
import { MAX_TIMER_MS } from "../../../shared/wait.ts";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import { evaluateCondition, evaluateToken } from "../expressions/evaluate.ts";
import type { StepEnd } from "../job.ts";
import type { JobRun } from "./job-run.ts";
import { LiveStep } from "./live-step.ts";
import type { StepPlan } from "./step-plan.ts";

const MINUTE_MS = 60_000;

/** Runs one part of a step if its condition holds, and reports it. Never throws. */
export async function runStep(job: JobRun, plan: StepPlan): Promise<Conclusion> {
  const step = new LiveStep(job, plan);
  const isForeground = !plan.outer && !plan.background;
  if (isForeground) job.running = step;
  if (plan.background) plan.background.step = step;
  let isStarted = false;
  let end: StepEnd;
  try {
    step.evaluateEnv();
    if (!holds(step)) return skip(step);
    start(step);
    isStarted = true;
    end = await runPart(step);
  } catch (error) {
    if (!isStarted) start(step);
    step.fail(textOf(error));
    end = { outcome: "failure" };
  } finally {
    if (isForeground) job.running = undefined;
  }
  return finish(step, end);
}

function holds(step: LiveStep): boolean {
  const condition = step.plan.part.if;
  const result = evaluateCondition(condition, step.scope());
  if (step.job.isDebug) {
    step.debug(`Evaluating condition for step: '${step.title()}'`);
    step.debug(`Evaluating: ${condition}`);
    step.debug(`Result: ${result}`);
  }
  return result;
}

function skip(step: LiveStep): Conclusion {
  const at = new Date().toISOString();
  const head = step.head(false);
  step.job.stepEvent({
    ...head,
    status: "completed",
    conclusion: "skipped",
    outcome: "skipped",
    startedAt: at,
    completedAt: at,
  });
  remember(step, "skipped", "skipped");
  return "skipped";
}

function start(step: LiveStep): void {
  const startedAt = new Date().toISOString();
  step.job.stepEvent({ ...step.head(), status: "in_progress", startedAt });
}

async function runPart(step: LiveStep): Promise<StepEnd> {
  const { part, instance, kind } = step.plan;
  const minutes = timeoutOf(step);
  const timer =
    minutes > 0 && setTimeout(() => step.stop("timeout"), Math.min(minutes * MINUTE_MS, MAX_TIMER_MS));
  try {
    if (kind !== "post") instance.isStarted = true;
    const end = await part.run(step);
    return step.commandFailed && end.outcome === "success" ? { ...end, outcome: "failure" } : end;
  } catch (error) {
    if (!step.stoppedBy) step.fail(textOf(error));
    return { outcome: "failure" };
  } finally {
    if (timer) clearTimeout(timer);
    if (step.stoppedBy === "timeout" && !step.isNested) {
      step.fail(`The action '${step.title()}' has timed out after ${minutes} minutes.`);
    } else if (step.stoppedBy === "cancel" && !step.isNested) step.fail("The operation was canceled.");
  }
}

function timeoutOf(step: LiveStep): number {
  try {
    return Number(evaluateToken(step.definition.timeoutMinutes, step.scope()) ?? 0);
  } catch (error) {
    step.fail("An error occurred when attempting to determine the step timeout.");
    step.fail(textOf(error));
    return 0;
  }
}

async function finish(step: LiveStep, { outcome: ended, exitCode }: StepEnd): Promise<Conclusion> {
  const outcome =
    step.stoppedBy === "cancel" ? "cancelled" : step.stoppedBy === "timeout" ? "failure" : ended;
  const conclusion = outcome === "failure" && continuesOnError(step) ? "success" : outcome;
  remember(step, outcome, conclusion);
  step.job.stepEvent({
    number: step.number,
    status: "completed",
    conclusion,
    outcome,
    completedAt: new Date().toISOString(),
    ...(exitCode !== undefined && { exitCode }),
  });
  await step.job.stepEnded(step, conclusion);
  return conclusion;
}

function remember(step: LiveStep, outcome: Conclusion, conclusion: Conclusion): void {
  if (step.plan.kind !== "main") return;
  step.later(() => step.plan.level.setEnd(step.actionId, outcome, conclusion));
}

function continuesOnError(step: LiveStep): boolean {
  try {
    const value = evaluateToken(step.definition.continueOnError, step.scope());
    return value === true || value === "true";
  } catch (error) {
    step.fail(
      "The step failed and an error occurred when attempting to determine whether to continue on error.",
    );
    step.fail(textOf(error));
    return false;
  }
}
