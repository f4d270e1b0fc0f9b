/** A resolution in which tallies are kept. */
export interface Step {
  seconds: number;
  /** Older tallies are merged into those of the next step, or removed. */
  keepSeconds: number;
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** From fine to coarse. Each is a multiple of the one before. */
export const STEPS: readonly [Step, ...Step[]] = [
  { seconds: 10, keepSeconds: HOUR },
  { seconds: 60, keepSeconds: DAY },
  { seconds: 900, keepSeconds: 14 * DAY },
  { seconds: 2 * HOUR, keepSeconds: 180 * DAY },
];

/** What a chart may show as one point, in seconds. Each is a multiple of every shorter one that is a step. */
const SHOWN = [10, 20, 30, 60, 120, 300, 900, 1_800, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY];

/** The shortest time, in seconds and at least `leastSeconds`, that a point of a chart can stand for. */
export function shownSeconds(
  range: { sinceSeconds: number; untilSeconds: number; nowSeconds: number },
  maxPoints: number,
  leastSeconds = 0,
) {
  const { sinceSeconds, untilSeconds, nowSeconds } = range;
  const wanted = Math.max(leastSeconds, (untilSeconds - sinceSeconds) / maxPoints);
  // A minute of grace: a tally is merged a little after its time.
  const ageSeconds = nowSeconds - sinceSeconds - 60;
  const kept = STEPS.find(({ keepSeconds }) => ageSeconds <= keepSeconds)?.seconds ?? 2 * HOUR;
  const fits = (seconds: number) => seconds >= wanted && seconds % kept === 0;
  return SHOWN.find(fits) ?? Math.ceil(wanted / DAY) * DAY;
}

/** The beginning of the stretch of `step` seconds in which a time lies. */
export function floorTo(step: number, seconds: number): number {
  return Math.floor(seconds / step) * step;
}
