import type { Logger } from "../../shared/logger.ts";
import { type Clocks, gapInWords, Standstill } from "../../shared/standstill.ts";
import type { PeriodicTask } from "./periodic.ts";

/** How often the server checks whether it stood still. */
export const LOOK_MS = 2_000;

export interface AttendanceParts {
  /** The clock of the control plane. Epoch milliseconds. */
  now: () => number;
  log: Logger;
  /** Called when the server stood still or its clock was set: everything planned for a time needs a look. */
  onGap: () => void;
  /** The clocks of the machine; undefined means the real ones. */
  clocks: Clocks | undefined;
}

/**
 * Since when this server has been listening to its nodes. A server that was down, suspended or asleep with its machine
 * heard nothing, and messages sent meanwhile may still wait to be read. A node counts as silent only after the server
 * has listened for as long as a node may be silent.
 */
export class Attendance {
  private readonly standstill: Standstill;
  private listeningSinceMs: number;

  constructor(private readonly parts: AttendanceParts) {
    this.standstill = new Standstill(parts.clocks);
    this.listeningSinceMs = parts.now();
  }

  /** Epoch milliseconds. */
  sinceMs(): number {
    const gap = this.standstill.look(LOOK_MS);
    if (gap) {
      const { now, log, onGap } = this.parts;
      this.listeningSinceMs = now();
      log.warn(`${gapInWords(gap, "This server")} Its nodes get time to report again.`);
      onGap();
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
