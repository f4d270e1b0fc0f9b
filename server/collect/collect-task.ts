import { counted } from "../../shared/counted.ts";
import type { Logger } from "../../shared/logger.ts";
import { Turns } from "../../shared/turns.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import type { Collected, Collector } from "./collector.ts";

export interface CollectTaskParts {
  collector: Collector;
  log: Logger;
  /** Epoch milliseconds. */
  now: () => number;
  /** Whether there is too little room for more files. */
  isFull(): boolean;
}

const INTERVAL_MS = 5 * 60_000;
/** How often files are swept if nothing asks for it. */
const SWEEP_EVERY_MS = 6 * 3_600_000;
/** A server that has just started has other things to do. */
const FIRST_SWEEP_MS = 3_600_000;
/** A sweep reads much, so the next one waits, and the longer the more there is to read. */
const MIN_PAUSE_MS = 10_000;
const PAUSE_TIMES = 10;
/** One run of the task works for this long. The next goes on. */
const RUN_MS = 500;

/** `compute-artifacts`: removes files that nothing needs any more. */
export class CollectTask implements PeriodicTask {
  readonly name = "compute-artifacts";
  readonly intervalMs = INTERVAL_MS;
  readonly runsOn = "one";
  private steps: AsyncGenerator<void, void, void> | undefined;
  private isAsked = false;
  private nextSweepMs: number;
  private notBeforeMs = 0;

  constructor(private readonly parts: CollectTaskParts) {
    this.nextSweepMs = parts.now() + FIRST_SWEEP_MS;
  }

  /** Files may have become superfluous. Takes effect at the next run. */
  ask(): void {
    this.isAsked = true;
  }

  async runOnce(): Promise<{ nextDueAtMs: number | undefined }> {
    const { now } = this.parts;
    this.steps ??= this.collect();
    const untilMs = performance.now() + RUN_MS;
    const turns = new Turns();
    try {
      while (!(await this.steps.next()).done) {
        if (performance.now() > untilMs) return { nextDueAtMs: now() };
        await turns.next();
      }
    } catch (error) {
      // The sweep that failed is still to be done.
      this.isAsked = true;
      this.steps = undefined;
      throw error;
    }
    this.steps = undefined;
    return { nextDueAtMs: this.isAsked ? this.notBeforeMs : undefined };
  }

  private async *collect(): AsyncGenerator<void, void, void> {
    const { collector, log, now, isFull } = this.parts;
    const collected: Collected = { artifacts: 0, blobs: 0, packs: 0 };
    yield* collector.expire(collected);
    const isDue = this.isAsked || collected.artifacts > 0 || isFull() || now() >= this.nextSweepMs;
    if (isDue && now() >= this.notBeforeMs) {
      this.isAsked = false;
      const startMs = now();
      yield* collector.sweep(collected);
      this.nextSweepMs = now() + SWEEP_EVERY_MS;
      this.notBeforeMs = now() + Math.max(MIN_PAUSE_MS, PAUSE_TIMES * (now() - startMs));
    } else if (isDue) this.isAsked = true;
    const { artifacts, blobs, packs } = collected;
    if (artifacts + blobs + packs > 0) {
      log.info(`removed ${counted(artifacts, "artifact")} and ${counted(blobs, "blob")} that nothing needs`);
    }
  }
}
