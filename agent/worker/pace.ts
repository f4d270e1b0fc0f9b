import { AHEAD_PER_SLOT, MAX_AHEAD } from "../../shared/node.ts";

/** Only jobs that end this soon after they took their slot count. A longer job gains next to nothing from starting earlier. */
const SHORT_MS = 250;
/** Jobs that ended within this time say how fast slots become free now. */
const WINDOW_MS = 250;
/** So many jobs are asked for ahead as begin within this time: longer than a round trip to a server whose store takes its time. */
const AHEAD_MS = 200;
/** The pause after jobs were given back because no slot became free for them. */
const BACK_OFF_MS = 1_000;

/** Decides how many jobs to ask for ahead of free slots, from how fast jobs have ended a moment ago. */
export class Pace {
  /** When short jobs ended, oldest first. */
  private readonly ends: number[] = [];
  private pausedUntilMs = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** A job that took its slot at `begunAtMs` has left it. */
  slotFreed(begunAtMs: number): void {
    const nowMs = this.now();
    if (nowMs - begunAtMs >= SHORT_MS) return;
    this.forget(nowMs);
    this.ends.push(nowMs);
  }

  /** Jobs waited in vain. */
  backOff(): void {
    this.pausedUntilMs = this.now() + BACK_OFF_MS;
  }

  /** How many jobs to hold ahead, with this many slots. */
  ahead(slots: number): number {
    const nowMs = this.now();
    this.forget(nowMs);
    if (nowMs < this.pausedUntilMs) return 0;
    const soon = Math.ceil((this.ends.length * AHEAD_MS) / WINDOW_MS);
    return Math.min(soon, AHEAD_PER_SLOT * slots, MAX_AHEAD);
  }

  private forget(nowMs: number): void {
    const kept = this.ends.findIndex((endedAtMs) => nowMs - endedAtMs < WINDOW_MS);
    this.ends.splice(0, kept < 0 ? this.ends.length : kept);
  }
}
