/** The longest that one request of a server may hold up the others. */
const TURN_MS = 20;

/** Splits long work into pieces, so that everything else on the event loop gets a turn in between. */
export class Turns {
  private sinceMs = performance.now();

  /** @param signal ends the work at its next turn. */
  constructor(
    private readonly turnMs = TURN_MS,
    private readonly signal?: AbortSignal,
  ) {}

  /** Whether it is time to call `next`; spares a loop of very short steps the promise. */
  get isDue(): boolean {
    return performance.now() - this.sinceMs >= this.turnMs;
  }

  /**
   * Resolves immediately, or after everything else had its turn if this work has run for long; then throws the signal's
   * reason if it fired.
   */
  async next(): Promise<void> {
    if (!this.isDue) return;
    await new Promise(later);
    this.signal?.throwIfAborted();
    this.sinceMs = performance.now();
  }
}

/** Calls it after everything else had its turn. Browsers have nothing as quick as the others. */
function later(then: (value?: unknown) => void): void {
  if (typeof setImmediate === "undefined") setTimeout(then, 0);
  else setImmediate(then);
}
