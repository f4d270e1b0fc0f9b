import { ComputeError } from "../../shared/errors.ts";

/** An item whose caller waits for the result. Settle it once; settling it again changes nothing. */
export interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export interface BatchLimits {
  /** The most items in one batch. */
  maxItems: number;
  /** The most batches under way at the same time. Items added meanwhile form the next batch. */
  maxInFlight: number;
}

/** With this many items waiting, the store does not keep up, and further items are rejected. */
const MAX_WAITING = 100_000;

/**
 * Groups concurrent requests, because a store does two hundred things together far faster than one by one. An item waits
 * for the end of this turn of the event loop, and if necessary for a batch under way to finish, but never for a timer.
 */
export class Batches<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private inFlight = 0;
  private scheduled = false;

  constructor(
    /** Settles every item of the batch. If it throws, its unsettled items are rejected with that error. */
    private readonly run: (batch: readonly Waiting<Item, Result>[]) => Promise<void>,
    private readonly limits: BatchLimits,
  ) {}

  get idle(): boolean {
    return this.inFlight === 0 && this.waiting.length === 0;
  }

  add(item: Item): Promise<Result> {
    if (this.waiting.length >= MAX_WAITING) {
      const detail = "The store cannot keep up with the requests. Try again in a few seconds.";
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
