/** The two clocks of a machine: the wall clock, which can be set, and the monotonic clock. */
export interface Clocks {
  wallMs(): number;
  monotonicMs(): number;
}

/** Unexplained time since the last look. */
export type Gap =
  | { is: "slept"; ms: number }
  | { is: "stoodStill"; ms: number }
  | { is: "clockSetBack"; ms: number };

/** Busy machines run late by seconds, and clock corrections are smaller than this. */
const NOTICED_MS = 10_000;
const LATE_MS = 12_000;

/**
 * Notices that this machine slept, that its clock was set, or that the process was suspended. The caller of `look` says
 * how long it meant to wait since its last look.
 */
export class Standstill {
  private wallMs: number;
  private monotonicMs: number;

  constructor(private readonly clocks: Clocks = { wallMs: Date.now, monotonicMs: () => performance.now() }) {
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
    // If the monotonic clock stops while the machine sleeps, the wall clock gets ahead of it.
    if (aheadMs > NOTICED_MS) return { is: "slept", ms: aheadMs };
    if (aheadMs < -NOTICED_MS) return { is: "clockSetBack", ms: -aheadMs };
    // If it keeps counting, or only the process was suspended, both clocks are late.
    if (byCountMs - meantMs > LATE_MS) return { is: "stoodStill", ms: byCountMs - meantMs };
    return undefined;
  }
}

/** @param who the subject of the sentence, such as "The agent". */
export function gapInWords({ is, ms }: Gap, who: string): string {
  const seconds = Math.round(ms / 1_000);
  if (is === "slept")
    return `This machine slept for about ${seconds} s, or its clock was set forward by that much.`;
  if (is === "clockSetBack") return `This machine's clock was set back by ${seconds} s.`;
  // It may have begun at any time during the wait.
  return `${who} stalled for at least ${seconds} s: the machine slept, or the process was suspended.`;
}
