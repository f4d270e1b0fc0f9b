/** How many tries a key has, and how long it waits after more. */
export interface ThrottleRule {
  /** Tries without a wait. */
  freeTries: number;
  /** The wait after the last free try; it doubles with each further try. */
  firstMs: number;
  maxMs: number;
  /** After this long without a try, all tries are free again. */
  forgetMs: number;
}

/**
 * Counts tries by key for all servers. Every operation is safe to call from several servers at the same time. Rejects with
 * ComputeError `storage_failed` when the store refuses. All times are epoch milliseconds.
 */
export interface ThrottleStore {
  /**
   * Counts a try, unless the key has to wait. Resolves with how many milliseconds it has to wait; 0: it was counted, and
   * may go on. However many try at the same time, no more than the rule allows go on.
   */
  take(key: string, rule: ThrottleRule, nowMs: number): Promise<number>;
  /** Takes back a counted try that was a good one, and ends its wait. */
  giveBack(key: string, nowMs: number): Promise<void>;
  /** Forgets the tries of the key, and keeps the key itself until then. */
  clear(key: string, keepUntilMs: number): Promise<void>;
  /** Whether the store still keeps the key. */
  has(key: string, nowMs: number): Promise<boolean>;
  /** Removes keys that need not be kept any longer. Resolves with how many. */
  prune(nowMs: number, limit: number): Promise<number>;
}

/** How long a key waits after this many tries. */
export function waitAfter(tries: number, { freeTries, firstMs, maxMs }: ThrottleRule): number {
  return tries < freeTries ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(tries - freeTries, 30));
}
