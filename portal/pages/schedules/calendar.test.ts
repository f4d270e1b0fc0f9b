import { expect, test } from "bun:test";
import type { UpcomingFire } from "../../../sdk/index.ts";
import { dayIn, monthNumber, monthOf, timesAround } from "./calendar.ts";

const fireAt = (dueAt: string): UpcomingFire => ({ dueAt, fireAt: dueAt, localTime: "" });

test("a fire is on the day that the schedule's own zone has then", () => {
  const ms = Date.parse("2026-11-30T23:30:00.000Z");
  expect(dayIn("UTC", ms)).toBe("2026-11-30");
  expect(dayIn("Europe/Berlin", ms)).toBe("2026-12-01");
  expect(dayIn("America/New_York", ms)).toBe("2026-11-30");
});

test("a month has all its days with their fires, and its weeks begin on Monday", () => {
  const fires = ["2026-11-30T08:00:00.000Z", "2026-11-30T09:00:00.000Z", "2026-11-30T23:30:00.000Z"].map(
    fireAt,
  );
  const november = monthOf(monthNumber("2026-11-30"), fires, "Europe/Berlin");
  expect([november.name, november.offset, november.days.length]).toEqual(["November 2026", 6, 30]);
  expect(november.days.at(-1)).toMatchObject({ key: "2026-11-30", number: 30, fires: fires.slice(0, 2) });
  const february = monthOf(monthNumber("2028-02-01"), [], "UTC");
  expect([february.name, february.offset, february.days.length]).toEqual(["February 2028", 1, 29]);
});

test("the times around a month include its first and last moment everywhere on earth", () => {
  expect(timesAround(monthNumber("2026-12-05"))).toEqual({
    after: "2026-11-30T00:00:00.000Z",
    until: "2027-01-02T00:00:00.000Z",
  });
});
