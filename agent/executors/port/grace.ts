import { MAX_TIMER_MS } from "../../../shared/wait.ts";

/** How a job is stopped: asked once, given its grace, and killed. A later stop may shorten the grace, never lengthen it. */
export class Grace {
  private readonly ask: () => void;
  private readonly kill: () => void;
  private asked = false;
  private isOver = false;
  private killTimer: ReturnType<typeof setTimeout> | undefined;
  private killDueMs = Number.POSITIVE_INFINITY;

  /** @param ask TERM, or what comes to it; left out where there is no grace. */
  constructor(ask: () => void, kill: () => void) {
    this.ask = ask;
    this.kill = kill;
  }

  get hasBegun(): boolean {
    return this.asked;
  }

  /** @param graceMs 0: it is killed at once. */
  begin(graceMs: number): void {
    if (this.isOver) return;
    if (!this.asked && graceMs > 0) this.ask();
    this.asked = true;
    const dueMs = performance.now() + graceMs;
    if (dueMs >= this.killDueMs) return;
    this.killDueMs = dueMs;
    clearTimeout(this.killTimer);
    if (graceMs <= 0) this.kill();
    else this.killTimer = setTimeout(this.kill, Math.min(graceMs, MAX_TIMER_MS));
  }

  /** The job has ended: nothing is sent to it any more. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.killTimer);
  }
}
