import { MAX_TIMER_MS } from "../../shared/wait.ts";

/** Calls `onIdle` when there has been nothing to do for a given time. A timer runs only while there is nothing to do. */
export class IdleTimer {
  private afterMs: number | undefined;
  private idleSinceMs: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onIdle: () => void) {}

  /** undefined: never. The time counts from when the work ended, not from this call. */
  setAfter(ms: number | undefined): void {
    this.afterMs = ms;
    this.arm();
  }

  setBusy(isBusy: boolean): void {
    const wasBusy = this.idleSinceMs === undefined;
    if (isBusy === wasBusy) return;
    this.idleSinceMs = isBusy ? undefined : performance.now();
    this.arm();
  }

  /** Whether there has been nothing to do for that long. */
  get isDue(): boolean {
    const { afterMs, idleSinceMs } = this;
    return afterMs !== undefined && idleSinceMs !== undefined && performance.now() - idleSinceMs >= afterMs;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.afterMs = undefined;
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.afterMs === undefined || this.idleSinceMs === undefined) return;
    const leftMs = this.idleSinceMs + this.afterMs - performance.now();
    this.timer = setTimeout(() => this.ring(), Math.min(Math.max(0, leftMs), MAX_TIMER_MS));
  }

  private ring(): void {
    // A timer may be early by a fraction of a millisecond, and a long time takes several timers.
    if (this.isDue) this.onIdle();
    else this.arm();
  }
}
