export interface LeaseRequest {
  /** The name of the task. */
  task: string;
  /** Who asks: one id for each running server. */
  holder: string;
  /** Epoch milliseconds, like every time here. */
  nowMs: number;
  /** How long it is wanted; `nowMs` gives it back. */
  untilMs: number;
}

export interface Lease {
  /** Whether the one who asked holds it now. */
  held: boolean;
  /** Until when whoever holds it does. */
  untilMs: number;
}

/** A lease that lies further ahead than the one that is asked for would, and this, was taken under a wrong clock. */
export const LEASE_SKEW_MS = 5_000;

/**
 * Which server runs a task that one server runs for all. Servers compare the times by their own clocks, which may
 * differ by a few seconds: a lease spares work and keeps servers out of each other's way. That nothing is done twice
 * is the stores' part.
 */
export interface LeaseStore {
  /**
   * Gives the lease where it is free, has run out, or is the holder's own, which makes it longer or shorter; also where
   * it was taken under a clock that was ahead, so that it would run out later than the one that is asked for, and
   * `LEASE_SKEW_MS`. However many ask at once, one gets it. Rejects with ComputeError `storage_failed` when the store refuses.
   */
  acquire(request: LeaseRequest): Promise<Lease>;
}
