import { z } from "zod";
import { json } from "./json-value.ts";

/** How a step, a job or a run ended. */
export const conclusion = z.enum(["success", "failure", "cancelled", "skipped"]);
export type Conclusion = z.infer<typeof conclusion>;

const progress = {
  status: z.enum(["queued", "in_progress", "completed"]),
  /** Only once it is completed. */
  conclusion: conclusion.optional(),
  startedAt: z.iso.datetime().optional(),
  completedAt: z.iso.datetime().optional(),
};

/** One step of a job. Pre and post steps of actions are steps of their own. */
export const workflowStep = z.object({
  /** Counts from 1 within the job. */
  number: z.int().min(1),
  /** The id that the workflow gives it; absent: none. */
  id: z.string().optional(),
  name: z.string(),
  kind: z.enum(["setup", "pre", "main", "post", "containers", "complete"]),
  /** The number of the step whose action this step is part of: a step of a composite action. */
  parent: z.int().optional(),
  ...progress,
  /** Before `continue-on-error` applies. */
  outcome: conclusion.optional(),
  exitCode: z.int().optional(),
});
export type WorkflowStep = z.infer<typeof workflowStep>;

/** Something a step says about a place in a file, or about itself. */
export const annotation = z.object({
  level: z.enum(["notice", "warning", "failure"]),
  message: z.string(),
  title: z.string().optional(),
  file: z.string().optional(),
  line: z.int().optional(),
  endLine: z.int().optional(),
  column: z.int().optional(),
  endColumn: z.int().optional(),
  /** The number of the step; absent: it concerns the whole job. */
  step: z.int().optional(),
});
export type Annotation = z.infer<typeof annotation>;

/** A job of the run, or one combination of its matrix. Jobs of reusable workflows follow the job that calls them. */
export const workflowJob = z.object({
  /** Unique within the run: `build`, `build (ubuntu-latest, 20)`, `release / publish`. */
  key: z.string(),
  /** The id in the workflow file; for a reusable workflow with the ids of its callers: `release/publish`. */
  id: z.string(),
  name: z.string(),
  ...progress,
  /** The combination of the matrix. */
  matrix: z.record(z.string(), json).optional(),
  /** Without those that hold a secret. */
  outputs: z.record(z.string(), z.string()).optional(),
  environment: z.object({ name: z.string(), url: z.string().optional() }).optional(),
  /** What its steps wrote to $GITHUB_STEP_SUMMARY, as Markdown. */
  summary: z.string().optional(),
  /** The run failed at this job's failure only if this is not true. */
  continueOnError: z.boolean().optional(),
  /** Why the job did not run, if the reason is not in a step. */
  message: z.string().optional(),
  steps: z.array(workflowStep),
  annotations: z.array(annotation),
});
export type WorkflowJob = z.infer<typeof workflowJob>;

/** The state of a whole run. */
export const workflowRun = z.object({
  /** `run-name`, or the name of the workflow. */
  name: z.string(),
  path: z.string(),
  event: z.string(),
  ...progress,
  /** The ids of the workflow's own jobs, in the order of the file. */
  jobIds: z.array(z.string()).optional(),
  /** In that order; the combinations of a matrix, and the jobs of a call, in the order in which they came. */
  jobs: z.array(workflowJob),
  /** What concerns no job, such as errors in the workflow file. */
  annotations: z.array(annotation),
  /** The directory on the node that stays for a day after a failure. */
  keptDirectory: z.string().optional(),
});
export type WorkflowRun = z.infer<typeof workflowRun>;

/** A change of a run. Applying all of them in order gives the state; a part replaces the earlier value of its fields. */
export const workflowEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run"), run: workflowRun.omit({ jobs: true, annotations: true }).partial() }),
  z.object({
    type: z.literal("job"),
    job: workflowJob.omit({ steps: true, annotations: true }).partial().extend({ key: z.string() }),
  }),
  z.object({
    type: z.literal("step"),
    job: z.string(),
    step: workflowStep.partial().extend({ number: z.int().min(1) }),
  }),
  /** `job` absent: it concerns the run. */
  z.object({ type: z.literal("annotation"), job: z.string().optional(), annotation }),
]);
export type WorkflowEvent = z.infer<typeof workflowEvent>;
