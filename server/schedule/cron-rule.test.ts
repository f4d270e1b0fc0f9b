import { describe, expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { CronRule } from "./cron-rule.ts";

test("a rule is described as a person would say it", () => {
  const words: Record<string, string> = {
    "30 2 * * *": "at 02:30 every day",
    "@daily": "at 00:00 every day",
    "@hourly": "every hour, on the hour",
    "* * * * *": "every minute",
    "*/15 * * * *": "every 15 minutes",
    "*/15 9-17 * * 1-5": "every 15 minutes from 09:00 to 17:59, Monday to Friday",
    "0 9,17 * * MON,WED": "at 09:00 and 17:00, Monday and Wednesday",
    "5,35 * * * *": "every hour, at minutes 5 and 35",
    "0 */2 * * *": "every 2 hours, at minute 0",
    "0 0 1 1,7 *": "at 00:00, on day 1 of the month, in January and July",
    "0 0 L * *": "at 00:00, on the last day of the month",
    "0 0 15W * *": "at 00:00, on the weekday nearest to day 15 of the month",
    "0 8 * * FRI#2": "at 08:00, on the second Friday of the month",
    "0 8 * * 5L": "at 08:00, on the last Friday of the month",
    "0 8 1-7 * 0": "at 08:00, on day 1 to 7 of the month or on Sunday",
    "0 8 1-7 * +0": "at 08:00, on Sunday if it falls on day 1 to 7 of the month",
    "0 8 13 * FRI#2": "at 08:00, on day 13 of the month or on the second Friday of the month",
    "0 0 */10 * 1": "at 00:00, on Monday if it falls on day 1, 11, 21 and 31 of the month",
    "0 0 */2 * 1": "at 00:00, on Monday if it falls on every second day from 1 to 31 of the month",
    "0 0 1-31/2 * 1": "at 00:00, on every second day from 1 to 31 of the month or on Monday",
    "5/20 * * * *": "every hour, at minutes 5, 25 and 45",
    "*/10 * * * * *": "every 10 seconds",
    "15 30 2 * * *": "at 02:30:15 every day",
    "0 0 * 6-8 6,7": "at 00:00, Saturday and Sunday, in June to August",
  };
  const described = Object.keys(words).map((cron) => [cron, CronRule.parse(cron, "UTC").words]);
  expect(Object.fromEntries(described)).toEqual(words);
});

test("an invalid rule or zone is refused, and the error names the field", () => {
  for (const cron of [
    "* * * *",
    "60 * * * *",
    "*/0 * * * *",
    "@every 1h",
    "2030-01-01T00:00:00",
    "x",
    "* * * * * * 2030",
  ]) {
    expect({ cron, path: refusedPath(cron, "UTC") }).toEqual({ cron, path: "cron" });
  }
  for (const zone of ["Mars/Olympus", "+02:00", ""]) {
    expect({ zone, path: refusedPath("* * * * *", zone) }).toEqual({ zone, path: "timeZone" });
  }
});

test("a rule that fires extremely often has a warning, a busy rule does not", () => {
  const warns = (cron: string) => CronRule.parse(cron, "UTC").warnings.length > 0;
  expect(["* * * * * *", "*/5 * * * * *", "* * * * *", "* * 1 * * *"].map(warns)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(["*/10 * 5 * * *", "*/2 * * * *", "*/15 * * * *", "30 2 * * *"].map(warns)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("if there are more due times than asked for, the latest are returned and marked as cut", () => {
  const rule = CronRule.parse("* * * * * *", "UTC");
  const [first, until] = [Date.UTC(2020, 0, 1), Date.UTC(2026, 0, 1)];
  const { dueMs, isCut } = rule.dueBetween(first, until, 3);
  expect({ dueMs, isCut }).toEqual({ dueMs: [until - 2_000, until - 1_000, until], isCut: true });
  const hourly = CronRule.parse("0 * * * *", "UTC").dueBetween(first, first + 2 * 3_600_000, 3);
  expect(hourly).toEqual({ dueMs: [first, first + 3_600_000, first + 7_200_000], isCut: false });
});

test("a rule whose date does not exist has no next time", () => {
  expect(CronRule.parse("0 0 30 2 *", "UTC").nextAfter(0)).toBeUndefined();
});

describe("when clocks change", () => {
  const local = (zone: string, cron: string, from: string, count: number) =>
    CronRule.parse(cron, zone)
      .next(count, Date.parse(from))
      .map((ms) => new Date(ms).toISOString().slice(5, 16));

  test("a time that the day skips fires at the first instant after the gap", () => {
    // 02:00 to 03:00 is missing in Berlin on 31 March 2024; 01:00 UTC is 03:00 there.
    expect(local("Europe/Berlin", "30 2 * * *", "2024-03-30T12:00:00Z", 2)).toEqual([
      "03-31T01:00",
      "04-01T00:30",
    ]);
    expect(local("Europe/Berlin", "0,30 2,3 * * *", "2024-03-31T00:00:00Z", 3)).toEqual([
      "03-31T01:00",
      "03-31T01:30",
      "04-01T00:00",
    ]);
    // Midnight is missing in Havana on 10 March 2024.
    expect(local("America/Havana", "0 0 * * *", "2024-03-09T12:00:00Z", 1)).toEqual(["03-10T05:00"]);
  });

  test("a time that comes twice fires only the first time", () => {
    expect(local("Europe/Berlin", "30 2 * * *", "2024-10-26T12:00:00Z", 2)).toEqual([
      "10-27T00:30",
      "10-28T01:30",
    ]);
  });

  test("an interval follows real time", () => {
    expect(local("Europe/Berlin", "*/30 * * * *", "2024-03-31T00:15:00Z", 3)).toEqual([
      "03-31T00:30",
      "03-31T01:00",
      "03-31T01:30",
    ]);
    expect(local("Europe/Berlin", "*/30 * * * *", "2024-10-27T00:15:00Z", 4)).toEqual([
      "10-27T00:30",
      "10-27T01:00",
      "10-27T01:30",
      "10-27T02:00",
    ]);
  });
});

function refusedPath(cron: string, timeZone: string): string | undefined {
  try {
    CronRule.parse(cron, timeZone);
    return undefined;
  } catch (error) {
    return error instanceof ComputeError ? error.errors?.[0]?.path : String(error);
  }
}
