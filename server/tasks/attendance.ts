import type { Logger } from "../../shared/logger.ts";
import { type Clocks, gapInWords, Standstill } from "../../shared/standstill.ts";
import type { PeriodicTask } from "./periodic.ts";

/** How often it is looked at. */
export const LOOK_MS = 2_000;

/**
 * Since when this server has been there to hear its nodes. One that was down, was held, or slept with its machine has
 * heard nobody, and what nodes told it meanwhile still waits to be read: what they should have said counts as missed
 * only when it has listened for as long as they may be silent.
 */
export class Attendance {
  private readonly standstill: Standstill;
  private listeningSinceMs: number;

  /**
   * @param now by the clock of the control plane; `clocks` are those of the machine.
   * @param onGap time did not go on as it does: what waits for a time is to be looked at.
   */
  constructor(
    private readonly now: () => number,
    private readonly log: Logger,
    private readonly onGap: () => void,
    clocks?: Clocks,
  ) {
    this.standstill = new Standstill(clocks);
    this.listeningSinceMs = now();
  }

  /** Epoch milliseconds. */
  sinceMs(): number {
    const gap = this.standstill.look(LOOK_MS);
    if (gap) {
      this.listeningSinceMs = this.now();
      this.log.warn(`${gapInWords(gap, "This server")} Its nodes have time to be heard of again.`);
      this.onGap();
    }
    return this.listeningSinceMs;
  }
}

/** `compute-attendance`: notices that this server stood still, also while nothing is due. */
export function attendanceTask(attendance: Attendance): PeriodicTask {
  return {
    name: "compute-attendance",
    intervalMs: LOOK_MS,
    runsOn: "each",
    async runOnce() {
      attendance.sinceMs();
      return { nextDueAtMs: undefined };
    },
  };
}
