import { textOf } from "../../../shared/text-of.ts";
import type { ActionPart, StepEnd, StepState } from "../job.ts";

/** A part whose errors become annotations of its step. */
export function part(condition: string, run: (step: StepState) => Promise<StepEnd>): ActionPart {
  return {
    if: condition,
    async run(step) {
      try {
        return await run(step);
      } catch (error) {
        if (step.cancel.aborted) return { outcome: "cancelled" };
        fail(step, textOf(error));
        return { outcome: "failure" };
      }
    },
  };
}

export function fail(step: StepState, message: string): void {
  step.job.services.report.annotate({ level: "failure", message, step: step.number });
}

/** Writes a line to the step's log. */
export function say(step: StepState, text: string): void {
  step.job.services.report.line(text, step.number);
}

/** What an action gets besides its inputs: what its earlier parts saved, and the services of the run. */
export function actionVariables(step: StepState): Record<string, string> {
  const state = [...step.state].map(([name, value]) => [`STATE_${name}`, value] as const);
  return { ...step.job.services.actionEnv, ...Object.fromEntries(state) };
}
