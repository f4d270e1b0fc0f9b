/** Resolves after `ms`, or earlier when the signal fires. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/**
 * A bell between those who make work and the one loop that does it: a ring while nobody waits is remembered, any
 * number of rings count as one.
 */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves at the next ring, after `maxMs`, or when the signal fires. One waiter at a time. */
  async wait(signal: AbortSignal, maxMs: number): Promise<void> {
    if (!this.rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, maxMs);
        signal.addEventListener("abort", resolve as () => void, { once: true });
        this.wake = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", resolve as () => void);
          resolve();
        };
      });
    }
    this.wake = undefined;
    this.rung = false;
  }
}
