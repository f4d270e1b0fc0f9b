/** Units of time with their milliseconds, the longest first. */
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

/** `850 ms`, `12.4 s`, `3 min 12 s`, `2 h 5 min`, `4 d 3 h`. */
export function durationText(givenMs: number): string {
  const ms = Math.max(0, givenMs);
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A setting, as people write it: `1 day`, `90 minutes`, `45 seconds`. */
export function spanText(seconds: number): string {
  const units = UNITS.map(([name, unitMs]) => [name, unitMs / 1_000] as const);
  const [name, size] = units.find(([, unit]) => seconds >= unit && seconds % unit === 0) ?? ["second", 1];
  const count = seconds / size;
  return `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;
}

const SHORT: Readonly<Record<string, string>> = { day: "days", hour: "hr.", minute: "min.", second: "sec." };

/** `5 min. ago`, `in 3 hr.`, `yesterday`: as `Intl.RelativeTimeFormat` says it, whose first use takes a page tens of milliseconds. */
export function agoText(distanceMs: number): string {
  const awayMs = Math.abs(distanceMs);
  if (awayMs < 1_000) return "now";
  const [unit, unitMs] = UNITS.find(([, size]) => awayMs >= size) ?? ["second", 1_000];
  const count = Math.trunc(awayMs / unitMs);
  const isPast = distanceMs < 0;
  if (unit === "day" && count === 1) return isPast ? "yesterday" : "tomorrow";
  const text = `${count} ${SHORT[unit]}`;
  return isPast ? `${text} ago` : `in ${text}`;
}
