/** Lets the event loop run now and then during long synchronous work. */
export class Breather {
  private sinceMs = performance.now();

  constructor(
    private readonly sliceMs: number,
    private readonly signal?: AbortSignal,
  ) {}

  /** Whether it is time to call `breathe`. */
  get isDue(): boolean {
    return performance.now() - this.sinceMs >= this.sliceMs;
  }

  /** Lets everything else run that is due. Throws the signal's reason if it fired. */
  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.signal?.throwIfAborted();
    this.sinceMs = performance.now();
  }
}
