import { expect, test } from "bun:test";
import { addSample, MAX_POINTS, mergeSeries, newSeries } from "./execution-series.ts";

const of = { executionId: "exe_1", jobId: "job_1", businessId: "biz_1", startMs: 1_000_000 };
const sample = (seconds: number, cpu = 1, memoryMb = 10) => ({
  atMs: of.startMs + seconds * 1_000,
  cpu,
  memoryMb,
});

test("samples of the same stretch make one point: the average of the cores, the highest memory", () => {
  const series = newSeries(of);
  for (const [seconds, cpu, memory] of [
    [-3, 1, 10],
    [1.9, 2, 30],
    [4, 0.5, 20],
  ] as const)
    addSample(series, sample(seconds, cpu, memory));
  expect(series).toMatchObject({ stepMs: 2_000, cpu: [1.5, null, 0.5], memoryMb: [30, null, 20] });
});

test("a long execution keeps a bounded number of points, which stand for more and more time", () => {
  const series = newSeries(of);
  for (let seconds = 0; seconds < 100_000; seconds += 10) addSample(series, sample(seconds, 2, seconds));
  expect(series.cpu.length).toBeLessThanOrEqual(MAX_POINTS);
  expect(series.cpu.length).toBeGreaterThan(MAX_POINTS / 2);
  expect(series.stepMs).toBe(512_000);
  expect(new Set(series.cpu)).toEqual(new Set([2]));
  expect(series.memoryMb.at(-1)).toBe(99_990);
  // A sample far ahead, as from a wrong clock, does no harm either.
  addSample(series, sample(1e9));
  expect(series.cpu.length).toBeLessThanOrEqual(MAX_POINTS);
});

test("what two servers know makes one series, at the coarser resolution, and merging again changes nothing", () => {
  const [one, other] = [newSeries(of), newSeries(of)];
  addSample(one, sample(0, 1, 10));
  addSample(one, sample(6, 3, 30));
  addSample(other, sample(4, 2, 20));
  const merged = mergeSeries(one, other);
  expect(merged.cpu).toEqual([1, null, 2, 3]);
  expect(mergeSeries(merged, other)).toEqual(merged);
  addSample(other, sample(1_000, 4, 40));
  const coarse = mergeSeries(merged, other);
  expect(coarse).toMatchObject({ stepMs: 4_000, cpu: [1, 2.5, ...Array(248).fill(null), 4] });
});
