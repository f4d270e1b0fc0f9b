import { RecentMap } from "../runtime/recent-map.ts";

/** The clock was put forward from one local day into the next, which skips the end of the first day. */
export interface MidnightGap {
  /** The first instant after the gap. */
  atMs: number;
  /** What the wall clock would have shown then, and what it shows, both as if they were UTC. */
  wallBeforeMs: number;
  wallAfterMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** No zone keeps summer or winter time for less than this. */
const STEP_MS = 10 * DAY_MS;
/** Zones do not plan further ahead. */
const MAX_YEARS_AHEAD = 30;

interface Known {
  fromMs: number;
  untilMs: number;
  gaps: MidnightGap[];
}

/** By the name as given: there are a few hundred zones, but people write them in any mix of cases. */
const known = new RecentMap<Known>(1_000);

/** The gaps after `afterMs`, up to `untilMs`, in order. */
export function midnightGaps(timeZone: string, afterMs: number, untilMs: number): MidnightGap[] {
  const lastMs = Math.min(untilMs, afterMs + MAX_YEARS_AHEAD * 365 * DAY_MS);
  let zone = known.get(timeZone);
  if (!zone || zone.fromMs > afterMs || zone.untilMs < lastMs) {
    const fromMs = Math.min(afterMs, zone?.fromMs ?? afterMs);
    // A year more than asked for, because the next question is about a slightly later time.
    const until = Math.max(lastMs, zone?.untilMs ?? lastMs) + 365 * DAY_MS;
    zone = { fromMs, untilMs: until, gaps: findGaps(timeZone, fromMs, until) };
    known.set(timeZone, zone);
  }
  return zone.gaps.filter((gap) => gap.atMs > afterMs && gap.atMs <= lastMs);
}

function findGaps(timeZone: string, fromMs: number, untilMs: number): MidnightGap[] {
  const offsetAt = offsets(timeZone);
  const gaps: MidnightGap[] = [];
  let before = offsetAt(fromMs);
  for (let ms = fromMs; ms < untilMs; ms += STEP_MS) {
    const after = offsetAt(ms + STEP_MS);
    if (after > before) {
      const atMs = firstWith(ms, ms + STEP_MS, (at) => offsetAt(at) !== before);
      const gap = { atMs, wallBeforeMs: atMs + before, wallAfterMs: atMs + after };
      if (Math.floor(gap.wallBeforeMs / DAY_MS) < Math.floor(gap.wallAfterMs / DAY_MS)) gaps.push(gap);
    }
    before = after;
  }
  return gaps;
}

/** The first whole minute between the two at which `holds` is true; it must stay true from there on. */
function firstWith(fromMs: number, untilMs: number, holds: (ms: number) => boolean): number {
  let [low, high] = [Math.floor(fromMs / MINUTE_MS), Math.ceil(untilMs / MINUTE_MS)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle * MINUTE_MS)) high = middle;
    else low = middle;
  }
  return high * MINUTE_MS;
}

function offsets(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (ms) => {
    const wall = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => wall.get(type) ?? 0;
    const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
    return shown - Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  };
}
