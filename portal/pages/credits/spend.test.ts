import { expect, test } from "bun:test";
import type { CreditEntry } from "../../../sdk/index.ts";
import { firstOfDays, spendOf } from "./spend.ts";

const NOW_MS = Date.parse("2026-11-30T15:00:00.000Z");
const entry = (createdAt: string, more: Partial<CreditEntry>): CreditEntry => ({
  entryId: "crd_00000000000000000000000000",
  kind: "SETTLE",
  amountMicroUsd: 0,
  reservedMicroUsd: 0,
  balanceMicroUsd: 0,
  createdAt,
  ...more,
});

test("what jobs cost is added up by day and by job, and days without a cost stay", () => {
  const sinceMs = firstOfDays(3, NOW_MS);
  expect(new Date(sinceMs).toISOString()).toBe("2026-11-28T00:00:00.000Z");
  const entries = [
    entry("2026-11-30T01:00:00.000Z", { jobId: "job_a", costMicroUsd: 3 }),
    entry("2026-11-30T00:00:00.000Z", { jobId: "job_b", costMicroUsd: 5 }),
    entry("2026-11-28T23:59:59.999Z", { jobId: "job_a", costMicroUsd: 4 }),
    entry("2026-11-28T10:00:00.000Z", { kind: "RESERVE", jobId: "job_a" }),
    entry("2026-11-27T10:00:00.000Z", { jobId: "job_old", costMicroUsd: 9 }),
  ];
  const { totalMicroUsd, days, jobs } = spendOf(entries, sinceMs, NOW_MS);
  expect(totalMicroUsd).toBe(12);
  expect(days.map(({ costMicroUsd }) => costMicroUsd)).toEqual([4, 0, 8]);
  expect(jobs).toEqual([
    { jobId: "job_a", costMicroUsd: 7, attempts: 2 },
    { jobId: "job_b", costMicroUsd: 5, attempts: 1 },
  ]);
});
