import type { CreditEntry } from "../../../sdk/index.ts";

const DAY_MS = 86_400_000;

/** What was spent on a day, in UTC as months of credit are. */
export interface DayOfSpend {
  /** Its beginning, in epoch milliseconds. */
  atMs: number;
  costMicroUsd: number;
}

export interface JobOfSpend {
  jobId: string;
  costMicroUsd: number;
  /** Attempts that cost something. */
  attempts: number;
}

export interface Spend {
  totalMicroUsd: number;
  /** One after the other, oldest first, also those without any cost. */
  days: readonly DayOfSpend[];
  /** The most expensive first. */
  jobs: readonly JobOfSpend[];
}

/** The first moment, in epoch milliseconds, of the `count` days in UTC that end with today. */
export function firstOfDays(count: number, nowMs: number): number {
  return startOfDay(nowMs) - (count - 1) * DAY_MS;
}

/** Adds up the entries of a ledger since `sinceMs`, which must be the beginning of a day. All amounts are whole, so nothing is rounded. */
export function spendOf(entries: readonly CreditEntry[], sinceMs: number, nowMs: number): Spend {
  const days: DayOfSpend[] = [];
  for (let atMs = sinceMs; atMs <= nowMs; atMs += DAY_MS) days.push({ atMs, costMicroUsd: 0 });
  const jobs = new Map<string, JobOfSpend>();
  let totalMicroUsd = 0;
  for (const { kind, costMicroUsd = 0, jobId, createdAt } of entries) {
    const day = days[Math.floor((Date.parse(createdAt) - sinceMs) / DAY_MS)];
    if (kind !== "SETTLE" || costMicroUsd === 0 || !day) continue;
    day.costMicroUsd += costMicroUsd;
    totalMicroUsd += costMicroUsd;
    if (jobId === undefined) continue;
    const job = jobs.get(jobId) ?? { jobId, costMicroUsd: 0, attempts: 0 };
    job.costMicroUsd += costMicroUsd;
    job.attempts++;
    jobs.set(jobId, job);
  }
  const byCost = [...jobs.values()].sort((a, b) => b.costMicroUsd - a.costMicroUsd);
  return { totalMicroUsd, days, jobs: byCost };
}

function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}
