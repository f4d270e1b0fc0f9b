import { expect, test } from "bun:test";
import {
  type KeyLimits,
  type KeyUsage,
  NO_USAGE,
  type Spent,
  spend,
  withHold,
  withoutHold,
} from "./key-limits.ts";

const START_MS = Date.parse("2026-03-01T10:00:30Z");
const MINUTE_MS = 60_000;

test("no 60 minutes ever have more jobs than the limit, whenever they begin", () => {
  const limits = { maxJobsPerHour: 10 };
  let usage = NO_USAGE;
  const made: number[] = [];
  for (let nowMs = START_MS; nowMs < START_MS + 5 * 60 * MINUTE_MS; nowMs += 7_000) {
    const outcome = spend(usage, limits, { jobs: 1, open: 0, nowMs });
    if (outcome.kind === "refused") continue;
    usage = outcome.usage;
    made.push(nowMs);
  }
  for (const [i, atMs] of made.entries()) {
    const inTheHour = made.slice(i).filter((other) => other < atMs + 60 * MINUTE_MS);
    expect(inTheHour.length).toBeLessThanOrEqual(10);
  }
  // It is no stricter than it must be: at most a minute is lost per hour.
  expect(made.length).toBeGreaterThanOrEqual(50);
});

test("after as long as the answer says, the jobs fit", () => {
  const limits = { maxJobsPerHour: 10 };
  const usage = usageOf([
    [0, 4],
    [20, 6],
  ]);
  const nowMs = START_MS + 30 * MINUTE_MS;
  for (const jobs of [1, 4, 5, 10]) {
    const refused = spend(usage, limits, { jobs, open: 0, nowMs });
    if (refused.kind !== "refused") throw new Error("it was not refused");
    const laterMs = nowMs + refused.retryAfterSeconds * 1_000;
    expect(spend(usage, limits, { jobs, open: 0, nowMs: laterMs }).kind).toBe("spent");
    expect(spend(usage, limits, { jobs, open: 0, nowMs: laterMs - 1_500 }).kind).toBe("refused");
  }
});

test("jobs that are more than the limit never fit", () => {
  const wanted = { jobs: 11, open: 0, nowMs: START_MS };
  expect(spend(NO_USAGE, { maxJobsPerHour: 10 }, wanted)).toMatchObject({
    kind: "refused",
    by: { policy: "jobs-per-hour", limit: 10, remaining: 10 },
  });
});

test("jobs that are not over and places that are held count together", () => {
  const limits = { maxConcurrent: 5 };
  const held = withHold(NO_USAGE, "hold", 2, START_MS);
  const wanted = { open: 2, nowMs: START_MS };
  expect(spend(held, limits, { ...wanted, jobs: 1 }).kind).toBe("spent");
  expect(spend(held, limits, { ...wanted, jobs: 2 })).toMatchObject({
    kind: "refused",
    by: { policy: "concurrent-jobs", remaining: 1 },
  });
  expect(spend(withoutHold(held, "hold"), limits, { ...wanted, jobs: 3 }).kind).toBe("spent");
  const laterMs = START_MS + 61_000;
  expect(spend(held, limits, { open: 2, jobs: 3, nowMs: laterMs }).kind).toBe("spent");
});

test("what a clock that was hours ahead has counted is forgotten when the clock is right again", () => {
  const limits = { maxJobsPerHour: 1 };
  const ahead = spentOf(spend(NO_USAGE, limits, { jobs: 1, open: 0, nowMs: START_MS + 600 * MINUTE_MS }));
  expect(spend(ahead, limits, { jobs: 1, open: 0, nowMs: START_MS }).kind).toBe("spent");
});

test("the usage of a key stays small, however many jobs it makes", () => {
  const limits: KeyLimits = { maxJobsPerHour: 1_000_000 };
  let usage = NO_USAGE;
  for (let i = 0; i < 1_000; i++) {
    usage = spentOf(spend(usage, limits, { jobs: 3, open: 0, nowMs: START_MS + i * 20_000 }));
  }
  expect(usage.minutes.length).toBeLessThanOrEqual(61);
});

function spentOf(outcome: Spent): KeyUsage {
  if (outcome.kind === "refused") throw new Error("it was refused");
  return outcome.usage;
}

/** @param minutes after the start, and how many jobs were made then. */
function usageOf(minutes: [number, number][]): KeyUsage {
  return minutes.reduce(
    (usage, [minute, jobs]) =>
      spentOf(
        spend(usage, { maxJobsPerHour: 1_000 }, { jobs, open: 0, nowMs: START_MS + minute * MINUTE_MS }),
      ),
    NO_USAGE,
  );
}
