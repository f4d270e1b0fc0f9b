/** Lets at most so many through at the same time; the others wait in order. */
export class Gate {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** How many wait. */
  get queued(): number {
    return this.waiting.length;
  }

  /** Does the work inside. Throws the signal's reason if it fires before there is room. */
  async pass<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const leave = await this.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Resolves with the function to call once on leaving. Throws the signal's reason if it fires first. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.inside >= this.most) await this.turn(signal);
    else this.inside++;
    return () => this.leave();
  }

  private async turn(signal: AbortSignal | undefined): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const giveUp = () => {
      const at = this.waiting.indexOf(turn.resolve);
      if (at === -1) return; // It has its turn already.
      this.waiting.splice(at, 1);
      turn.reject(signal?.reason);
    };
    this.waiting.push(turn.resolve);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** The place goes to the one that has waited the longest. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.inside--;
  }
}
