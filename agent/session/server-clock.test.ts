import { expect, test } from "bun:test";
import { ServerClock } from "./server-clock.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const T = Date.parse("2026-01-01T00:00:00Z");

test("the sample with the shortest round trip counts", () => {
  const clock = new ServerClock();
  clock.sample(iso(T + 5_000), T, T + 400);
  expect(clock.nowMs(T)).toBe(T + 4_800);
  clock.sample(iso(T + 6_010), T + 1_000, T + 1_020);
  expect(clock.nowMs(T)).toBe(T + 5_000);
  clock.sample(iso(T + 9_000), T + 2_000, T + 2_500);
  expect(clock.nowMs(T)).toBe(T + 5_000);
});

test("a lease runs out by the server's clock, not by ours", () => {
  const clock = new ServerClock();
  clock.sample(iso(T - 3_600_000), T, T + 2);
  expect(clock.isPast(iso(T - 3_590_000), T)).toBe(false);
  expect(clock.isPast(iso(T - 3_600_000), T + 5_000)).toBe(true);
});

test("a clock that was set is noticed with the next answer, even if the server held that answer", () => {
  const clock = new ServerClock();
  const dayMs = 86_400_000;
  clock.sample(iso(T + 2 * dayMs), T, T + 2);
  clock.sample(iso(T + 1_500), T + 1_000, T + 2_000);
  expect(clock.nowMs(T)).toBe(T);
  clock.sample(iso(T + dayMs), T + 3_000, T + 33_000);
  expect(clock.localAheadMs).toBe(33_000 - dayMs);
  clock.sample(iso(T + 40_000 + dayMs - 33_000), T + 39_990, T + 40_010);
  expect(clock.localAheadMs).toBe(33_000 - dayMs);
});

test("an old sample gives way to a new one, but not to an answer that the server held", () => {
  const clock = new ServerClock();
  clock.sample(iso(T), T, T + 2);
  const later = T + 3_600_000;
  clock.sample(iso(later + 1_500), later - 30_000, later);
  expect(clock.nowMs(T)).toBeCloseTo(T, -1);
  clock.sample(iso(later + 1_500), later - 50, later);
  expect(clock.nowMs(later)).toBeCloseTo(later + 1_525, -1);
});
