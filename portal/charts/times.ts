import { lazily } from "../ui/lazily.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A step about this long is a day, also when the clocks change. */
const NEARLY_DAY_MS = 20 * 3_600_000;

const secondFormat = lazily(
  () => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
);
const minuteFormat = lazily(() => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }));
const momentFormat = lazily(
  () =>
    new Intl.DateTimeFormat(undefined, {
      ...{ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
    }),
);
const dayFormat = lazily(() => new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }));
const utcDayFormat = lazily(
  () => new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" }),
);

/** The shortest distance between two moments; a day if there are not two. */
export function stepMsOf(times: readonly number[]): number {
  let step = Number.POSITIVE_INFINITY;
  for (let i = 1; i < times.length; i++) step = Math.min(step, (times[i] ?? 0) - (times[i - 1] ?? 0));
  return Number.isFinite(step) && step > 0 ? step : DAY_MS;
}

/**
 * A moment at an axis that shows `spanMs` of time: no more of it than tells it from its neighbours.
 *
 * @param stepMs a bar stands for this much time; 0: there are no bars
 */
export function timeText(atMs: number, { spanMs, stepMs }: { spanMs: number; stepMs: number }): string {
  if (stepMs >= NEARLY_DAY_MS) return dayOf(atMs).format(atMs);
  if (spanMs <= 3 * MINUTE_MS) return secondFormat().format(atMs);
  return isMidnight(atMs) ? dayFormat().format(atMs) : minuteFormat().format(atMs);
}

/** The moment at which somebody looks. */
export function momentText(atMs: number, times: readonly number[]): string {
  const step = stepMsOf(times);
  if (times.length > 1 && step >= NEARLY_DAY_MS) return dayOf(atMs).format(atMs);
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  if (span > DAY_MS) return momentFormat().format(atMs);
  return step < MINUTE_MS ? secondFormat().format(atMs) : minuteFormat().format(atMs);
}

/** Whole days are either the person's own or those of UTC. */
function dayOf(atMs: number): Intl.DateTimeFormat {
  return atMs % DAY_MS === 0 ? utcDayFormat() : dayFormat();
}

function isMidnight(atMs: number): boolean {
  const at = new Date(atMs);
  return at.getHours() === 0 && at.getMinutes() === 0;
}
