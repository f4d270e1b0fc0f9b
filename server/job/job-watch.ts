import type { Bus } from "../bus/bus.ts";

/** Lets callers wait for the next change of one job, with one subscription to the bus for all of them. */
export class JobWatch {
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly unsubscribe: (() => void)[];

  constructor(bus: Bus) {
    this.unsubscribe = [
      bus.subscribe("jobs", ({ jobIds }) => {
        for (const jobId of jobIds) this.wake(jobId);
      }),
    ];
  }

  /**
   * Resolves at the job's next change, after `timeoutMs`, or when `signal` aborts, whichever comes first. Call it before
   * reading the job, so that no change in between is missed.
   */
  next(jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const callbacks = this.waiting.get(jobId) ?? new Set();
      this.waiting.set(jobId, callbacks);
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        callbacks.delete(done);
        if (callbacks.size === 0 && this.waiting.get(jobId) === callbacks) this.waiting.delete(jobId);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener("abort", done);
      callbacks.add(done);
      if (signal.aborted) done();
    });
  }

  close(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
  }

  private wake(jobId: string): void {
    const callbacks = this.waiting.get(jobId);
    this.waiting.delete(jobId);
    for (const callback of callbacks ?? []) callback();
  }
}
