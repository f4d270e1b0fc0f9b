import { appendFileSync } from "node:fs";
import { textOf } from "../../../shared/text-of.ts";
import type { Annotation, WorkflowEvent } from "../../../shared/workflow-run.ts";
import type { JobReport } from "../job.ts";
import { LogOutlet } from "./log-outlet.ts";
import { OpenParts } from "./open-parts.ts";
import { RunLog } from "./run-log.ts";
import { RunMask } from "./run-mask.ts";

/** The events of one turn are written together, up to so many at once. */
const MAX_WAITING = 1_000;
/** Events that cannot be written wait, up to so many. */
const MAX_KEPT = 20_000;

/**
 * Writes what happens in a run: its events to a file, one JSON per line, and the log for people. Nothing that the mask
 * knows passes.
 */
export class Recorder {
  readonly mask = new RunMask();
  private readonly log: RunLog;
  private readonly outlet: LogOutlet;
  private readonly open = new OpenParts();
  /** What steps add to the mask of their job. */
  private readonly masks = new Map<string, RunMask>();
  private waiting: string[] = [];
  private flushes = false;
  private hasFailed = false;

  constructor(
    private readonly eventsFile: string,
    write: (line: string) => Promise<void> | void,
    private readonly onEvent?: (event: WorkflowEvent) => void,
  ) {
    this.outlet = new LogOutlet(write);
    this.log = new RunLog((line) => this.outlet.write(line));
  }

  /** Lines begin with the key of their job from now on. */
  nameJobs(): void {
    this.log.namesJobs = true;
  }

  /** @param shown false: the log does not mention it. */
  event(event: WorkflowEvent, shown = true): void {
    const mask = event.type === "run" ? this.mask : this.maskOf(keyOf(event));
    const masked = maskedEvent(event, (text) => mask.text(text));
    if (shown) this.log.event(masked);
    this.open.note(event);
    this.onEvent?.(masked);
    if (!this.flushes) {
      this.flushes = true;
      setImmediate(() => {
        this.flushes = false;
        this.flush();
      });
    }
    this.waiting.push(`${JSON.stringify(masked)}\n`);
    if (this.waiting.length === MAX_WAITING) this.flush();
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
      line: (text) => this.log.line(this.maskOf(key).text(text), key),
      mask: (value) => this.maskForJob(key).add(value),
      masked: (text) => this.maskOf(key).text(text),
      room: () => this.outlet.room(),
    };
  }

  /** Writes what waits. What cannot be written now, because the disk is full, is tried again with the next events. */
  flush(): void {
    if (this.waiting.length === 0) return;
    try {
      appendFileSync(this.eventsFile, this.waiting.join(""), { mode: 0o600 });
      this.waiting = [];
    } catch (error) {
      if (!this.hasFailed) this.line(`error: The state of the run cannot be written: ${textOf(error)}`);
      this.hasFailed = true;
      this.waiting.splice(0, this.waiting.length - MAX_KEPT);
    }
  }

  private maskOf(key: string | undefined): RunMask {
    return this.masks.get(key ?? "") ?? this.mask;
  }

  private maskForJob(key: string): RunMask {
    let mask = this.masks.get(key);
    if (!mask) {
      mask = new RunMask(this.mask);
      this.masks.set(key, mask);
    }
    return mask;
  }
}

type Mask = (text: string) => string;

function keyOf(event: Exclude<WorkflowEvent, { type: "run" }>): string | undefined {
  return event.type === "job" ? event.job.key : event.job;
}

function maskedEvent(event: WorkflowEvent, mask: Mask): WorkflowEvent {
  if (event.type === "annotation") return { ...event, annotation: maskedAnnotation(event.annotation, mask) };
  if (event.type === "run") {
    const { name } = event.run;
    return name === undefined ? event : { ...event, run: { ...event.run, name: mask(name) } };
  }
  if (event.type === "step") {
    const { name } = event.step;
    return name === undefined ? event : { ...event, step: { ...event.step, name: mask(name) } };
  }
  const job = { ...event.job };
  if (job.name !== undefined) job.name = mask(job.name);
  if (job.message !== undefined) job.message = mask(job.message);
  if (job.summary !== undefined) job.summary = mask(job.summary);
  if (job.environment?.url !== undefined) {
    job.environment = { ...job.environment, url: mask(job.environment.url) };
  }
  if (job.outputs) {
    job.outputs = Object.fromEntries(Object.entries(job.outputs).map(([name, value]) => [name, mask(value)]));
  }
  return { ...event, job };
}

function maskedAnnotation(annotation: Annotation, mask: Mask): Annotation {
  const masked = { ...annotation, message: mask(annotation.message) };
  if (masked.title !== undefined) masked.title = mask(masked.title);
  return masked;
}
