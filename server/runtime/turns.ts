/** Longer than this nobody is to wait for what somebody else asked for. */
const TURN_MS = 20;

/** Takes long work apart: between its pieces the others get their turn. */
export class Turns {
  private sinceMs = performance.now();

  /** Resolves at once, or when the others were served where this has had the machine for long. */
  async next(): Promise<void> {
    if (performance.now() - this.sinceMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.sinceMs = performance.now();
  }
}
