import { expect, test } from "bun:test";
import { STEPS, shownSeconds } from "./steps.ts";

const NOW = 1_800_000_000;
const step = (ageSeconds: number, maxPoints: number, endAgeSeconds = 0) =>
  shownSeconds(
    { sinceSeconds: NOW - ageSeconds, untilSeconds: NOW - endAgeSeconds, nowSeconds: NOW },
    maxPoints,
  );

test("each step is a multiple of the one before, and is kept longer", () => {
  for (const [i, { seconds, keepSeconds }] of STEPS.entries()) {
    const before = STEPS[i - 1];
    if (!before) continue;
    expect(seconds % before.seconds).toBe(0);
    expect(keepSeconds).toBeGreaterThan(before.keepSeconds);
  }
});

test("a chart has no more points than it wants, and none shorter than what is kept for its age", () => {
  expect([step(3_600, 400), step(3_600, 100), step(3_600, 60)]).toEqual([10, 60, 60]);
  expect([step(86_400, 2_000), step(86_400, 400), step(14 * 86_400, 2_000)]).toEqual([60, 300, 900]);
  expect([step(180 * 86_400, 2_000, 179 * 86_400), step(180 * 86_400, 400)]).toEqual([7_200, 43_200]);
  expect(step(180 * 86_400, 1)).toBe(180 * 86_400);
});
