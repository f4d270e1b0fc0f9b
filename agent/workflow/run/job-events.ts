import type { data } from "@actions/expressions";
import type { Annotation, Conclusion, WorkflowJob } from "../../../shared/workflow-run.ts";
import { evaluateText } from "../expressions/evaluate.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { type Leg, scopeOf } from "./frame-scope.ts";
import { shortName } from "./matrix.ts";
import type { Frame, RunState } from "./run-state.ts";

export type JobChange = Partial<Omit<WorkflowJob, "steps" | "annotations" | "key">>;

export function now(): string {
  return new Date().toISOString();
}

/** How GitHub names a job: its name, or its id, with the combination in brackets unless the name has expressions. */
export function nameOfJob(
  job: JobDefinition,
  frame: Frame,
  contexts: Readonly<Record<string, data.ExpressionData>>,
  leg?: Leg,
): string {
  const label = leg ? leg.key.slice(frame.prefix.key.length + job.id.length) : "";
  if (job.name === undefined) return shortName(`${frame.prefix.name}${job.id}${label}`);
  const name = evaluateText(job.name, scopeOf(contexts)) || job.id;
  return shortName(`${frame.prefix.name}${name}${job.name.isExpression ? "" : label}`);
}

/** A job whose `if` is false. */
export function skipJob(
  run: RunState,
  frame: Frame,
  job: JobDefinition,
  contexts: Readonly<Record<string, data.ExpressionData>>,
  message?: string,
): void {
  const key = frame.prefix.key + job.id;
  const at = now();
  let name = frame.prefix.name + job.id;
  try {
    name = nameOfJob(job, frame, contexts);
  } catch {
    // A name that cannot be made yet is of no use for a job that does not run.
  }
  endJob(run, key, { id: frame.prefix.id + job.id, name, startedAt: at, message }, "skipped");
}

/** A job that cannot even begin: its first step, "Set up job", fails and says why. */
export function failJob(
  run: RunState,
  frame: Frame,
  job: JobDefinition,
  message: string,
  of: { key?: string; name?: string; change?: JobChange } = {},
): void {
  const key = of.key ?? frame.prefix.key + job.id;
  const at = now();
  const step = { number: 1, name: "Set up job", kind: "setup" as const, startedAt: at };
  const { recorder } = run;
  recorder.event({
    type: "job",
    job: {
      key,
      id: frame.prefix.id + job.id,
      name: of.name ?? frame.prefix.name + job.id,
      status: "in_progress",
      startedAt: at,
      ...of.change,
    },
  });
  recorder.event({ type: "step", job: key, step: { ...step, status: "in_progress" } });
  const annotation: Annotation = { level: "failure", message, step: 1 };
  recorder.event({ type: "annotation", job: key, annotation });
  const end = { status: "completed", conclusion: "failure", outcome: "failure", completedAt: now() } as const;
  recorder.event({ type: "step", job: key, step: { ...step, ...end } });
  endJob(run, key, {}, "failure");
}

/** The last event of a job. */
export function endJob(run: RunState, key: string, change: JobChange, conclusion: Conclusion): void {
  const end = { status: "completed", conclusion, completedAt: now() } as const;
  const { message, ...rest } = change;
  run.recorder.event({
    type: "job",
    job: { key, ...rest, ...(message === undefined ? {} : { message }), ...end },
  });
}

/** A job that succeeded in the attempt before: it appears as it was. */
export function keepJob({ recorder }: RunState, { steps, annotations, ...job }: WorkflowJob): void {
  recorder.event({ type: "job", job }, false);
  for (const step of steps) recorder.event({ type: "step", job: job.key, step }, false);
  for (const annotation of annotations) {
    recorder.event({ type: "annotation", job: job.key, annotation }, false);
  }
  recorder.reportOf(job.key).line(`✓ ${job.name}  succeeded in the attempt before`);
}
