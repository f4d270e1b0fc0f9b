import type { Logger } from "../../shared/logger.ts";
import type { PeriodicTask } from "./periodic.ts";

/**
 * How far times written by one server may be ahead of another server's clock, or of its own clock after a correction.
 * A time further ahead than its own rule plus this allows was written under a wrong clock.
 */
export const CLOCK_SKEW_MS = 10_000;

/** Stores times at which something becomes due. */
export interface KeepsTimes {
  /**
   * Corrects times that are further ahead of `nowMs` than their own rule and `CLOCK_SKEW_MS` allow: they were written
   * under a clock that was ahead, and nothing should wait for them. Dates that a person chose stay. Resolves with how
   * many times were corrected. Safe to repeat, and to run on several servers at once.
   */
  bringBack(nowMs: number): Promise<number>;
}

const EVERY_MS = 60_000;

/** `compute-clock`: corrects times that were written under a clock that was ahead and has been set right. */
export function clockTask(keepers: readonly KeepsTimes[], log: Logger, onChanged: () => void): PeriodicTask {
  return {
    name: "compute-clock",
    intervalMs: EVERY_MS,
    // A server that died with its clock ahead may hold the lease for as long as its clock was wrong.
    runsOn: "each",
    async runOnce(nowMs) {
      let changed = 0;
      for (const keeper of keepers) changed += await keeper.bringBack(nowMs);
      if (changed > 0) {
        log.warn(`Times written under a clock that was ahead were corrected: ${changed}.`);
        onChanged();
      }
      return { nextDueAtMs: undefined };
    },
  };
}
