import type { WorkflowJob, WorkflowStep } from "../../../sdk/index.ts";
import type { LogSourceEvent } from "../../log/source.ts";

/** A line in the log of a job. */
interface Place {
  attempt: number;
  seq: number;
}

/** How the log of a workflow says that a step begins: `[build (20)] ▸ Install`. The job is named if there are several. */
const SIGN = "▸ ";
const BEGIN = /^(?:\[(.+?)\] )?\s*▸ (.*)$/;

/** Where in the log the steps of a workflow begin, as far as the log was read. */
export class StepPlaces {
  /** By attempt, job and name, in their order. */
  private readonly places = new Map<string, Place[]>();
  private latestAttempt = 0;

  /** Returns whether the event was the beginning of a step. */
  take(event: LogSourceEvent): boolean {
    if (event.event === "log") {
      const { attempt, seq, text } = event.data;
      return this.line(attempt, seq, text);
    }
    if (event.event !== "lines") return false;
    const { attempt, seq, lines } = event.data;
    let isStep = false;
    for (const [i, [, , text]] of lines.entries()) isStep = this.line(attempt, seq + i, text) || isStep;
    return isStep;
  }

  /** Where the step begins in the latest attempt; undefined: it has not begun, or its line was not read. */
  of(job: WorkflowJob, step: WorkflowStep): Place | undefined {
    const isBegun = (other: WorkflowStep) => other.name === step.name && other.startedAt !== undefined;
    // Steps with the same name begin in the order of their numbers.
    const nth = job.steps.filter((other) => isBegun(other) && other.number < step.number).length;
    const { latestAttempt: attempt } = this;
    const found =
      this.places.get(keyOf(attempt, job.key, step.name)) ?? this.places.get(keyOf(attempt, "", step.name));
    return found?.[nth];
  }

  private line(attempt: number, seq: number, text: string): boolean {
    if (attempt > this.latestAttempt) this.latestAttempt = attempt;
    if (!text.includes(SIGN)) return false;
    const [all, job = "", name = ""] = BEGIN.exec(text) ?? [];
    if (all === undefined) return false;
    const key = keyOf(attempt, job, name);
    const known = this.places.get(key) ?? [];
    // A connection that resumes may repeat a line.
    if (known.some((place) => place.seq === seq)) return false;
    this.places.set(key, [...known, { attempt, seq }]);
    return true;
  }
}

function keyOf(attempt: number, job: string, name: string): string {
  return JSON.stringify([attempt, job, name]);
}
