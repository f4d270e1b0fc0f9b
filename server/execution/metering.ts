import type { JobRecord } from "../job/job-record.ts";
import type { Assigned } from "./execution-store.ts";

/** An execution that may not go to its node, and why, for people. */
export interface Refused {
  assigned: Assigned;
  why: string;
}

/**
 * What running costs is told here, and here only. An execution goes to its node after `onAssigned` has let it, so none
 * ever runs that was not seen.
 */
export interface Metering {
  /** Sets aside what they may cost. Safe to repeat. */
  onAssigned(assigned: readonly Assigned[]): Promise<{ admitted: Assigned[]; refused: Refused[] }>;
  /** These have ended. Does not wait; safe to repeat, and to be lost: `compute-metering` finds what was missed. */
  onEnded(ended: readonly { executionId: string; job: JobRecord }[]): void;
}

/** Where nothing costs anything. */
export const NO_METERING: Metering = {
  onAssigned: async (assigned) => ({ admitted: [...assigned], refused: [] }),
  onEnded: () => undefined,
};
