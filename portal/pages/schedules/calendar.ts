import type { UpcomingFire } from "../../../sdk/index.ts";

/** A day of a calendar. */
export interface Day {
  /** `2026-11-30`, by the clocks of the schedule's zone. */
  key: string;
  /** Of the month, from 1. */
  number: number;
  fires: readonly UpcomingFire[];
}

export interface Month {
  /** `November 2026`. */
  name: string;
  /** How many days of the week, from Monday, come before its first day. */
  offset: number;
  days: readonly Day[];
}

const DAY_MS = 86_400_000;

/** The day in that zone: `2026-11-30`. */
export function dayIn(timeZone: string, ms: number): string {
  // The one locale that writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" }).format(ms);
}

/** `2026-11` as a number of months since the year 0, to count with. */
export function monthNumber(day: string): number {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return year * 12 + month - 1;
}

/** ISO times around a month that include all of it in every zone. */
export function timesAround(month: number): { after: string; until: string } {
  const isoAt = (ms: number) => new Date(ms).toISOString();
  return { after: isoAt(firstOf(month) - DAY_MS), until: isoAt(firstOf(month + 1) + DAY_MS) };
}

/** A month with the fires of each of its days, by the clocks of the zone. */
export function monthOf(month: number, fires: readonly UpcomingFire[], timeZone: string): Month {
  const byDay = Map.groupBy(fires, ({ dueAt }) => dayIn(timeZone, Date.parse(dueAt)));
  const firstMs = firstOf(month);
  const count = Math.round((firstOf(month + 1) - firstMs) / DAY_MS);
  const days = Array.from({ length: count }, (_, i): Day => {
    const key = new Date(firstMs + i * DAY_MS).toISOString().slice(0, 10);
    return { key, number: i + 1, fires: byDay.get(key) ?? [] };
  });
  const format = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });
  return { name: format.format(firstMs), offset: (new Date(firstMs).getUTCDay() + 6) % 7, days };
}

/** Its first midnight in UTC, in epoch milliseconds. */
function firstOf(month: number): number {
  return Date.UTC(Math.floor(month / 12), month % 12, 1);
}
