import { expect, test } from "bun:test";
import type { Execution, Job } from "../../../sdk/index.ts";
import { spansOf } from "./spans.ts";

const at = (seconds: number) => new Date(seconds * 1_000).toISOString();
const job = { createdAt: at(0) } as Job;

function attempt(assigned: number, started?: number, finished?: number): Execution {
  const times = { assignedAt: at(assigned), startedAt: started, finishedAt: finished };
  return {
    ...times,
    startedAt: started === undefined ? undefined : at(started),
    finishedAt: finished === undefined ? undefined : at(finished),
  } as Execution;
}

test("an attempt waits from the submit or the end of the attempt before, and the longest fills the scale", () => {
  const [first, second] = spansOf(job, [attempt(1, 2, 10), attempt(12, 13, 17)], 0);
  expect(first).toMatchObject({ waitMs: 1_000, startMs: 1_000, runMs: 8_000, isOpen: false, isCut: false });
  expect((first?.wait ?? 0) + (first?.start ?? 0) + (first?.run ?? 0)).toBeCloseTo(1);
  expect(second).toMatchObject({ waitMs: 2_000, startMs: 1_000, runMs: 4_000 });
});

test("a wait that would leave no room for the work is drawn shorter, and marked", () => {
  const [only] = spansOf(job, [attempt(86_400, 86_401, 86_410)], 0);
  expect(only?.isCut).toBe(true);
  expect(only?.run).toBeGreaterThan(0.5);
});

test("an attempt that runs lasts until now; one that never started has no run", () => {
  expect(spansOf(job, [attempt(0, 1)], 5_000)[0]).toMatchObject({ runMs: 4_000, isOpen: true });
  expect(spansOf(job, [attempt(0, undefined, 3)], 5_000)[0]).toMatchObject({
    startMs: 3_000,
    runMs: undefined,
  });
});
