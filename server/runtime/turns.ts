/** The longest that one request may hold up the others. */
const TURN_MS = 20;

/** Splits long work into pieces, so that other requests get a turn in between. */
export class Turns {
  private sinceMs = performance.now();

  /** Resolves immediately, or after other requests had their turn if this work has run for long. */
  async next(): Promise<void> {
    if (performance.now() - this.sinceMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.sinceMs = performance.now();
  }
}
