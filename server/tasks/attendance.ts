import type { Logger } from "../../shared/logger.ts";
import { type Clocks, gapInWords, Standstill } from "../../shared/standstill.ts";
import type { PeriodicTask } from "./periodic.ts";

/** How often the server checks whether it stood still. */
export const LOOK_MS = 2_000;

/**
 * Since when this server has been listening to its nodes. A server that was down, suspended or asleep with its machine
 * heard nothing, and messages sent meanwhile may still wait to be read. A node counts as silent only after the server
 * has listened for as long as a node may be silent.
 */
export class Attendance {
  private readonly standstill: Standstill;
  private listeningSinceMs: number;

  /**
   * @param now the clock of the control plane; `clocks` are the machine's.
   * @param onGap called when the server stood still or its clock was set: everything planned for a time needs a look.
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
      this.log.warn(`${gapInWords(gap, "This server")} Its nodes get time to report again.`);
      this.onGap();
    }
    return this.listeningSinceMs;
  }
}

/** `compute-attendance`: notices that this server stood still, even while nothing else is due. */
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
