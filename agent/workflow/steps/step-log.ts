import type { LiveStep } from "./live-step.ts";

/** Reads the output of one process of a step. */
export class StepLog {
  constructor(private readonly step: LiveStep) {}

  line(text: string): void {
    this.step.job.services.report.line(text, this.step.number);
  }
}
