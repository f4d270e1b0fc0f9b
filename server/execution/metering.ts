import type { JobRecord } from "../job/job-record.ts";
import type { Assigned } from "./execution-store.ts";

/** An execution that may not go to its node, and a sentence that says why. */
export interface Refused {
  assigned: Assigned;
  why: string;
}

/**
 * Charges for executions. It is the only part that knows what running costs. An execution goes to its node only after
 * `onAssigned` has admitted it, so no execution runs unseen.
 */
export interface Metering {
  /** Whether nothing is charged for executions on nodes of the pool. */
  isFree(pool: string): boolean;
  /** Sets aside what the executions may cost. Safe to repeat. */
  onAssigned(assigned: readonly Assigned[]): Promise<{ admitted: Assigned[]; refused: Refused[] }>;
  /**
   * Settles executions that have ended, in the background. Safe to repeat. A call may be lost: `compute-metering` finds
   * what was missed.
   */
  onEnded(ended: readonly { executionId: string; job: JobRecord }[]): void;
}
