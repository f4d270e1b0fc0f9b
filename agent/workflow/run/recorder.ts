import { appendFileSync } from "node:fs";
import type { Annotation, WorkflowEvent } from "../../../shared/workflow-run.ts";
import type { JobReport } from "../job.ts";
import { OpenParts } from "./open-parts.ts";
import { RunLog } from "./run-log.ts";
import { RunMask } from "./run-mask.ts";

/** The events of one turn are written together, up to so many at once. */
const MAX_WAITING = 1_000;

/**
 * Writes what happens in a run: its events to a file, one JSON per line, and the log for people. Nothing that the mask
 * knows passes.
 */
export class Recorder {
  readonly mask = new RunMask();
  private readonly log: RunLog;
  private readonly open = new OpenParts();
  private waiting: string[] = [];

  constructor(
    private readonly eventsFile: string,
    write: (line: string) => void,
    private readonly onEvent?: (event: WorkflowEvent) => void,
  ) {
    this.log = new RunLog((line) => write(line));
  }

  /** Lines begin with the key of their job from now on. */
  nameJobs(): void {
    this.log.namesJobs = true;
  }

  event(event: WorkflowEvent): void {
    const masked = this.maskedEvent(event);
    this.log.event(masked);
    this.open.note(event);
    this.onEvent?.(masked);
    if (this.waiting.length === 0) setImmediate(() => this.flush());
    this.waiting.push(`${JSON.stringify(masked)}\n`);
    if (this.waiting.length >= MAX_WAITING) this.flush();
  }

  /** A line that concerns no job. */
  line(text: string): void {
    this.log.line(this.mask.text(text));
  }

  /** Nothing goes on any more: what has not ended was cancelled. */
  cancelOpen(): void {
    for (const event of this.open.cancels()) this.event(event);
  }

  /** What one job reports. */
  reportOf(key: string): JobReport {
    return {
      event: (event) => this.event(event),
      annotate: (annotation) => this.event({ type: "annotation", job: key, annotation }),
      line: (text) => this.log.line(this.mask.text(text), key),
      mask: (value) => this.mask.add(value),
      masked: (text) => this.mask.text(text),
    };
  }

  /** Writes what waits. Throws the error of the file system. */
  flush(): void {
    if (this.waiting.length === 0) return;
    const lines = this.waiting.join("");
    this.waiting = [];
    appendFileSync(this.eventsFile, lines, { mode: 0o600 });
  }

  private maskedEvent(event: WorkflowEvent): WorkflowEvent {
    const mask = (text: string) => this.mask.text(text);
    if (event.type === "annotation") return { ...event, annotation: this.maskedAnnotation(event.annotation) };
    if (event.type === "run") {
      return event.run.name === undefined
        ? event
        : { ...event, run: { ...event.run, name: mask(event.run.name) } };
    }
    if (event.type === "step") {
      const { name } = event.step;
      return name === undefined ? event : { ...event, step: { ...event.step, name: mask(name) } };
    }
    const job = { ...event.job };
    if (job.name !== undefined) job.name = mask(job.name);
    if (job.message !== undefined) job.message = mask(job.message);
    if (job.summary !== undefined) job.summary = mask(job.summary);
    if (job.environment?.url !== undefined)
      job.environment = { ...job.environment, url: mask(job.environment.url) };
    if (job.outputs) {
      job.outputs = Object.fromEntries(
        Object.entries(job.outputs).map(([name, value]) => [name, mask(value)]),
      );
    }
    return { ...event, job };
  }

  private maskedAnnotation(annotation: Annotation): Annotation {
    const masked = { ...annotation, message: this.mask.text(annotation.message) };
    if (masked.title !== undefined) masked.title = this.mask.text(masked.title);
    return masked;
  }
}
