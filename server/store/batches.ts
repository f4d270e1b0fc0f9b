import { ComputeError } from "../../shared/errors.ts";

/** What somebody asked for and waits for. Settle it once; a second time changes nothing. */
export interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export interface BatchLimits {
  /** The most items of one batch. */
  maxItems: number;
  /** Batches on their way at once; what is asked for meanwhile makes up the next one. */
  maxInFlight: number;
}

/** More than this many waiting mean that the store does not keep up; whoever comes then is told so. */
const MAX_WAITING = 100_000;

/**
 * Groups what many ask for at once, since a store does two hundred things together far faster than one by one. An
 * item waits for the end of this turn of the event loop, and for a batch on its way to come back, never for a timer.
 */
export class Batches<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private inFlight = 0;
  private scheduled = false;

  constructor(
    /** Settles each of them. What it leaves open when it throws is rejected with what it threw. */
    private readonly run: (batch: readonly Waiting<Item, Result>[]) => Promise<void>,
    private readonly limits: BatchLimits,
  ) {}

  get idle(): boolean {
    return this.inFlight === 0 && this.waiting.length === 0;
  }

  add(item: Item): Promise<Result> {
    if (this.waiting.length >= MAX_WAITING) {
      const detail = "The store does not keep up with what is asked of it. Try again in a few seconds.";
      return Promise.reject(new ComputeError("unavailable", detail, { retryAfterSeconds: 5 }));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.length === 0 || this.inFlight >= this.limits.maxInFlight) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.start();
      this.schedule();
    });
  }

  private start(): void {
    const batch = this.waiting.slice(0, this.limits.maxItems);
    this.waiting = this.waiting.slice(this.limits.maxItems);
    this.inFlight++;
    this.run(batch)
      .catch((error) => {
        for (const one of batch) one.reject(error);
      })
      .finally(() => {
        this.inFlight--;
        this.schedule();
      });
  }
}
