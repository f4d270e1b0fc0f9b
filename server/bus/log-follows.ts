/** A message may be lost without a trace, so followers of a log read the store at least this often. */
const LOOK_AGAIN_MS = 5_000;

/** The jobs whose logs this server follows, and the callbacks for lines that may have been missed. */
export class LogFollows {
  private readonly callbacks = new Map<string, Set<() => void>>();
  private readonly timer: ReturnType<typeof setInterval>;

  /** @param onChange called when a job gets its first follower or loses its last. */
  constructor(private readonly onChange: () => void = () => undefined) {
    this.timer = setInterval(() => {
      for (const jobId of this.callbacks.keys()) this.missed(jobId);
    }, LOOK_AGAIN_MS);
    this.timer.unref();
  }

  add(jobId: string, mayHaveMissed: () => void): () => void {
    // A separate function, so that two followers may pass the same one.
    const callback = () => mayHaveMissed();
    const callbacks = this.callbacks.get(jobId) ?? new Set();
    callbacks.add(callback);
    if (!this.callbacks.has(jobId)) {
      this.callbacks.set(jobId, callbacks);
      this.onChange();
    }
    return () => {
      callbacks.delete(callback);
      if (callbacks.size > 0 || this.callbacks.get(jobId) !== callbacks) return;
      this.callbacks.delete(jobId);
      this.onChange();
    };
  }

  has(jobId: string): boolean {
    return this.callbacks.has(jobId);
  }

  jobIds(): string[] {
    return [...this.callbacks.keys()];
  }

  missed(jobId: string): void {
    for (const callback of [...(this.callbacks.get(jobId) ?? [])]) callback();
  }

  close(): void {
    clearInterval(this.timer);
    this.callbacks.clear();
  }
}
