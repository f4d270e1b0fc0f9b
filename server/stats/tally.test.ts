import { expect, test } from "bun:test";
import { addTally, count, newTally, waitBin, waitPercentile } from "./tally.ts";

test("percentiles of waits are right to a tenth, also of the sum of two tallies", () => {
  const [one, other] = [newTally(), newTally()];
  const waits = Array.from({ length: 1_000 }, (_, i) => (i + 1) * 37);
  for (const [i, waitMs] of waits.entries()) count(i % 3 === 0 ? one : other, waitBin(waitMs));
  addTally(one, other);
  for (const share of [0.5, 0.95]) {
    const wanted = 37_000 * share;
    expect(Math.abs((waitPercentile(one, share) ?? 0) / wanted - 1)).toBeLessThan(0.1);
  }
});

test("without waits there is no percentile; a wait of nothing and one of a year have bins", () => {
  expect(waitPercentile(newTally(), 0.5)).toBeUndefined();
  for (const waitMs of [0, 0.3, 31_536_000_000]) {
    const tally = newTally();
    count(tally, waitBin(waitMs));
    expect(Math.abs((waitPercentile(tally, 0.95) ?? 0) / Math.max(1, waitMs) - 1)).toBeLessThan(0.1);
  }
});
