/** The longest delay a timer may have; one that is longer would ring at once. */
export const MAX_TIMER_MS = 2_147_000_000;

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

/** What the promise gives; undefined where it has given nothing after `ms`. Rejects as it does. */
export async function inTime<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const settled = new AbortController();
  try {
    return await Promise.race([promise, pause(ms, settled.signal).then(() => undefined)]);
  } finally {
    settled.abort();
  }
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
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, maxMs);
        signal.addEventListener("abort", done, { once: true });
        this.wake = done;
      });
    }
    this.wake = undefined;
    this.rung = false;
  }
}
