/** How far back the charts go. */
export interface Range {
  /** As the address says it. */
  value: string;
  text: string;
  ms: number;
  /** How often they are fetched again: about once for each new point. */
  everyMs: number;
}

const HOUR_MS = 3_600_000;

export const RANGES: readonly Range[] = [
  { value: "1h", text: "1 hour", ms: HOUR_MS, everyMs: 10_000 },
  { value: "24h", text: "24 hours", ms: 24 * HOUR_MS, everyMs: 60_000 },
  { value: "14d", text: "14 days", ms: 14 * 24 * HOUR_MS, everyMs: 300_000 },
];

/** The range that the address asks for; the shortest if it asks for none that there is. */
export function rangeOf(value: string | undefined): Range {
  return RANGES.find((range) => range.value === value) ?? (RANGES[0] as Range);
}

export function addressOfRange({ value }: Range): string {
  return value === RANGES[0]?.value ? "/" : `/?range=${value}`;
}
