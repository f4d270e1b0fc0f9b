/** The two clocks of a machine: the wall's, which can be set, and the one that only counts on. */
export interface Clocks {
  wallMs(): number;
  monotonicMs(): number;
}

/** What became of the time since the last look that nobody accounts for. */
export type Gap =
  | { is: "slept"; ms: number }
  | { is: "stoodStill"; ms: number }
  | { is: "clockSetBack"; ms: number };

/** A machine that has much to do is late by seconds, and clocks are drawn right by less. */
const NOTICED_MS = 10_000;
const LATE_MS = 12_000;

/**
 * Notices that this machine slept, that its clock was set, or that the process was held. Whoever looks says how long
 * it meant to wait since it last did.
 */
export class Standstill {
  private readonly clocks: Clocks;
  private wallMs: number;
  private monotonicMs: number;

  constructor(clocks: Clocks = { wallMs: Date.now, monotonicMs: () => performance.now() }) {
    this.clocks = clocks;
    this.wallMs = clocks.wallMs();
    this.monotonicMs = clocks.monotonicMs();
  }

  look(meantMs: number): Gap | undefined {
    const wallMs = this.clocks.wallMs();
    const monotonicMs = this.clocks.monotonicMs();
    const byWallMs = wallMs - this.wallMs;
    const byCountMs = monotonicMs - this.monotonicMs;
    this.wallMs = wallMs;
    this.monotonicMs = monotonicMs;
    const aheadMs = byWallMs - byCountMs;
    // Where the counting clock stands still with the machine, the wall's runs ahead of it.
    if (aheadMs > NOTICED_MS) return { is: "slept", ms: aheadMs };
    if (aheadMs < -NOTICED_MS) return { is: "clockSetBack", ms: -aheadMs };
    // Where it counts on, or only the process was held, both are late.
    if (byCountMs - meantMs > LATE_MS) return { is: "stoodStill", ms: byCountMs - meantMs };
    return undefined;
  }
}

/** @param who stood still, as a sentence begins with it. */
export function gapInWords({ is, ms }: Gap, who: string): string {
  const seconds = Math.round(ms / 1_000);
  if (is === "slept")
    return `This machine slept for about ${seconds} s, or its clock was set forward by that.`;
  if (is === "clockSetBack") return `This machine's clock was set back by ${seconds} s.`;
  // It may have begun at any time of the wait.
  return `${who} stood still for at least ${seconds} s: the machine slept, or the process was held.`;
}
