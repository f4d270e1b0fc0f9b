export interface LeaseRequest {
  /** The name of the task. */
  task: string;
  /** The server that asks: one id for each running server. */
  holder: string;
  /** Epoch milliseconds, like every time here. */
  nowMs: number;
  /** When the lease should end; `nowMs` gives it back. */
  untilMs: number;
}

export interface Lease {
  /** Whether the server that asked now holds it. */
  held: boolean;
  /** When the lease ends, this server's or another's. */
  untilMs: number;
}

/** A lease that ends more than this after the requested end was taken under a wrong clock. */
export const LEASE_SKEW_MS = 5_000;

/**
 * Decides which server runs a task that one server runs for all. Each server compares times by its own clock, and
 * clocks may differ by a few seconds. So a lease only saves work and keeps servers out of each other's way; the stores
 * make sure that nothing is done twice.
 */
export interface LeaseStore {
  /**
   * Grants the lease if it is free, has expired, or is already the holder's, which extends or shortens it. Also grants it
   * if it was taken under a clock that was ahead: if it ends more than `LEASE_SKEW_MS` after the requested end. Of any
   * number of concurrent requests one gets it. Rejects with ComputeError `storage_failed` when the store refuses.
   */
  acquire(request: LeaseRequest): Promise<Lease>;
}
