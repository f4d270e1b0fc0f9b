/** A value for one use: a code, a challenge or a link. All times are epoch milliseconds. */
export interface OneTimeValue {
  key: string;
  value: string;
  /** How often it may be read before it is gone. */
  reads: number;
  endsAtMs: number;
}

/**
 * Keeps values for one use, for all servers. Every operation is safe to call from several servers at the same time, and
 * its result is on disk when it resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface OneTimeStore {
  /** Replaces what the key had before. */
  put(value: OneTimeValue): Promise<void>;
  /** The value; this counts as a read. Undefined if there is none, it has ended, or was read often enough. */
  read(key: string, nowMs: number): Promise<string | undefined>;
  /** Removes the value if the key still has it. Of any number of callers one gets true. */
  remove(key: string, value: string): Promise<boolean>;
  /** Removes values that have ended. Resolves with how many. */
  prune(nowMs: number, limit: number): Promise<number>;
}
