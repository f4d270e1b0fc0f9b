import { MAX_TIMER_MS } from "../../shared/wait.ts";

/** Says when there has been nothing to do for so long. One timer runs while there is nothing to do, none else. */
export class IdleTimer {
  private readonly onIdle: () => void;
  private afterMs: number | undefined;
  private idleSinceMs: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onIdle: () => void) {
    this.onIdle = onIdle;
  }

  /** undefined: never. Counts from when the work ended, not from now. */
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

  /** Whether there has been nothing to do for so long. */
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
    // A timer may be early by a fraction of a millisecond, or be the first of several.
    if (this.isDue) this.onIdle();
    else this.arm();
  }
}
