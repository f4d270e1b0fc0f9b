const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export interface ClockChange {
  /** The first instant at which the new offset applies. */
  atMs: number;
  beforeMs: number;
  afterMs: number;
}

/** The wall clock of a time zone, computed from its offsets alone. Tests check time rules against it. */
export class LocalClock {
  readonly changes: ClockChange[] = [];
  private readonly firstOffsetMs: number;

  constructor(timeZone: string, fromMs: number, untilMs: number) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
    });
    const offsetAt = (ms: number) => {
      const parts = Object.fromEntries(
        format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
      );
      const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
      return Date.UTC(year, month - 1, day, hour, minute) - Math.floor(ms / MINUTE_MS) * MINUTE_MS;
    };
    this.firstOffsetMs = offsetAt(fromMs);
    let beforeMs = this.firstOffsetMs;
    for (let day = fromMs; day < untilMs; day += DAY_MS) {
      const afterMs = offsetAt(day + DAY_MS);
      if (afterMs === beforeMs) continue;
      let [low, high] = [day, day + DAY_MS];
      while (high - low > MINUTE_MS) {
        const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
        if (offsetAt(middle) === beforeMs) low = middle;
        else high = middle;
      }
      this.changes.push({ atMs: high, beforeMs, afterMs });
      beforeMs = afterMs;
    }
  }

  /** What the wall clock shows, as if it were UTC. */
  wallAt(ms: number): number {
    return ms + (this.changes.findLast((change) => change.atMs <= ms)?.afterMs ?? this.firstOffsetMs);
  }

  /**
   * The first instant at which the wall clock shows this time. If it never does, the first instant after the gap that
   * contains it.
   */
  firstAt(wallMs: number): number {
    const offsets = new Set([this.firstOffsetMs, ...this.changes.map((change) => change.afterMs)]);
    const shown = [...offsets]
      .map((offsetMs) => wallMs - offsetMs)
      .filter((ms) => this.wallAt(ms) === wallMs);
    if (shown.length > 0) return Math.min(...shown);
    const gap = this.changes.find(
      ({ atMs, beforeMs, afterMs }) => atMs + beforeMs <= wallMs && wallMs < atMs + afterMs,
    );
    if (!gap) throw new Error(`the clock neither shows ${new Date(wallMs).toISOString()} nor skips it`);
    return gap.atMs;
  }
}
