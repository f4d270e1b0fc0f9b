import type { WorkflowEvent } from "../../../shared/workflow-run.ts";

/** The jobs and steps of a run that have begun, or wait, and have not ended. */
export class OpenParts {
  private readonly jobs = new Map<string, Set<number>>();

  note(event: WorkflowEvent): void {
    if (event.type === "job" && event.job.status !== undefined) {
      const { key, status } = event.job;
      if (status === "completed") this.jobs.delete(key);
      else if (!this.jobs.has(key)) this.jobs.set(key, new Set());
    }
    if (event.type !== "step" || event.step.status === undefined) return;
    const steps = this.jobs.get(event.job);
    if (event.step.status === "completed") steps?.delete(event.step.number);
    else steps?.add(event.step.number);
  }

  /** The events that end them. */
  cancels(): WorkflowEvent[] {
    const end = {
      status: "completed",
      conclusion: "cancelled",
      completedAt: new Date().toISOString(),
    } as const;
    return [...this.jobs].flatMap(([job, steps]): WorkflowEvent[] => [
      ...[...steps].map((number) => ({ type: "step" as const, job, step: { number, ...end } })),
      { type: "job", job: { key: job, ...end } },
    ]);
  }
}
