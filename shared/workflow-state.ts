import type { WorkflowEvent, WorkflowJob, WorkflowRun, WorkflowStep } from "./workflow-run.ts";

export function newWorkflowRun(of: Pick<WorkflowRun, "name" | "path" | "event">): WorkflowRun {
  return { ...of, status: "queued", jobs: [], annotations: [] };
}

/** Applies a change in place. The same change twice gives the same state, except that annotations repeat. */
export function applyWorkflowEvent(run: WorkflowRun, event: WorkflowEvent): void {
  if (event.type === "run") Object.assign(run, event.run);
  else if (event.type === "job") Object.assign(jobOf(run, event.job.key, event.job.id), event.job);
  else if (event.type === "step") applyStep(jobOf(run, event.job), event.step);
  else (event.job === undefined ? run : jobOf(run, event.job)).annotations.push(event.annotation);
}

function jobOf(run: WorkflowRun, key: string, id = key): WorkflowJob {
  const known = run.jobs.find((one) => one.key === key);
  if (known) return known;
  const job: WorkflowJob = { key, id, name: key, status: "queued", steps: [], annotations: [] };
  const rank = rankOf(run, job);
  const at = run.jobs.findIndex((one) => rankOf(run, one) > rank);
  run.jobs.splice(at === -1 ? run.jobs.length : at, 0, job);
  return job;
}

/** The place of a job, or of the job that calls it, in the file. */
function rankOf({ jobIds = [] }: WorkflowRun, { id }: WorkflowJob): number {
  const [own = ""] = id.split("/");
  const at = jobIds.indexOf(own);
  return at === -1 ? jobIds.length : at;
}

function applyStep(job: WorkflowJob, change: Partial<WorkflowStep> & { number: number }): void {
  const at = job.steps.findIndex((step) => step.number === change.number);
  const step = job.steps[at];
  if (step) Object.assign(step, change);
  else job.steps.push({ name: "", kind: "main", status: "queued", ...change });
}

/** The changes that make the run of nothing. */
export function eventsOfRun({ jobs, annotations, ...run }: WorkflowRun): WorkflowEvent[] {
  return [
    { type: "run", run },
    ...annotations.map((one) => ({ type: "annotation" as const, annotation: one })),
    ...jobs.flatMap(({ steps, annotations: ofJob, ...job }): WorkflowEvent[] => [
      { type: "job", job },
      ...steps.map((step) => ({ type: "step" as const, job: job.key, step })),
      ...ofJob.map((one) => ({ type: "annotation" as const, job: job.key, annotation: one })),
    ]),
  ];
}
