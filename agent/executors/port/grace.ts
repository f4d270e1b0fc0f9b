import { MAX_TIMER_MS } from "../../../shared/wait.ts";

/**
 * Stops a job: asks it once to end, waits for the grace, and kills it. A later stop can shorten the grace but not
 * lengthen it.
 */
export class Grace {
  private asked = false;
  private isOver = false;
  private killTimer: ReturnType<typeof setTimeout> | undefined;
  private killDueMs = Number.POSITIVE_INFINITY;

  /** @param ask sends TERM or its equivalent; not called if there is no grace. */
  constructor(
    private readonly ask: () => void,
    private readonly kill: () => void,
  ) {}

  get hasBegun(): boolean {
    return this.asked;
  }

  /** @param graceMs 0: kills immediately. */
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

  /** Call it when the job has ended; nothing is sent to it any more. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.killTimer);
  }
}
