import type { Logger } from "../../shared/logger.ts";
import type { PeriodicTask } from "./periodic.ts";

/**
 * By how much times that were written by one server may lie ahead of the clock of another one, or of its own after the
 * clock was drawn right. What lies further ahead than it can by its own rule was written under a wrong clock.
 */
export const CLOCK_SKEW_MS = 10_000;

/** Something that keeps times to wait for. */
export interface KeepsTimes {
  /**
   * Times that lie further ahead of `nowMs` than their own rule and `CLOCK_SKEW_MS` allow were written under a clock that
   * was ahead: they are brought back, so that nothing waits for them. What a person asked for by date stays. Resolves
   * with how many were brought back. Safe to repeat, and to run on several servers at once.
   */
  bringBack(nowMs: number): Promise<number>;
}

const EVERY_MS = 60_000;

/** `compute-clock`: nothing waits for a time that was written under a clock that was ahead and is right again. */
export function clockTask(keepers: readonly KeepsTimes[], log: Logger, onChanged: () => void): PeriodicTask {
  return {
    name: "compute-clock",
    intervalMs: EVERY_MS,
    // A server that dies with its clock ahead may hold a lease for as long.
    runsOn: "each",
    async runOnce(nowMs) {
      let changed = 0;
      for (const keeper of keepers) changed += await keeper.bringBack(nowMs);
      if (changed > 0) {
        log.warn(
          `Times that were written under a clock that was ahead now count by the clock of now: ${changed}.`,
        );
        onChanged();
      }
      return { nextDueAtMs: undefined };
    },
  };
}
