/** So many may run at once; the others wait in the order in which they came. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Resolves to whether the caller got a slot: not if the signal fired first. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.free > 0) {
      this.free--;
      return true;
    }
    const turn = Promise.withResolvers<boolean>();
    const got = () => turn.resolve(true);
    const stop = () => {
      const at = this.waiting.indexOf(got);
      if (at >= 0) this.waiting.splice(at, 1);
      turn.resolve(false);
    };
    this.waiting.push(got);
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await turn.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
