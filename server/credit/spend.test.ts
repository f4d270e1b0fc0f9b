import { expect, test } from "bun:test";
import type { JobRecord } from "../job/job-record.ts";
import type { LedgerRecord } from "./credit-store.ts";
import { spendOf } from "./spend.ts";

const DAY_MS = 86_400_000;
const FIRST_MS = Date.parse("2026-03-01T00:00:00Z");
const who = { businessId: "biz", userId: "usr", sinceMs: FIRST_MS };

/** Entries of a ledger, newest first. */
function ledgerOf(entries: readonly { jobId: string; costMicroUsd?: number; day: number }[]) {
  const records = entries.map(({ day, ...entry }, i) => ({
    ...entry,
    entryId: String(entries.length - i).padStart(6, "0"),
    createdAtMs: FIRST_MS + day * DAY_MS,
  })) as unknown as LedgerRecord[];
  return async ({ beforeEntryId = "~", limit }: { beforeEntryId?: string | undefined; limit: number }) =>
    records.filter(({ entryId }) => entryId < beforeEntryId).slice(0, limit);
}

const jobsOf = (names: Record<string, string | undefined>) => async (_: string, ids: readonly string[]) =>
  ids.flatMap((jobId) =>
    jobId in names ? [{ jobId, manifest: { name: names[jobId] } } as unknown as JobRecord] : [],
  );

test("costs are added up by day and by the name of jobs; a deleted job has no name", async () => {
  const ledger = ledgerOf([
    { jobId: "job_3", costMicroUsd: 50, day: 2 },
    { jobId: "job_2", costMicroUsd: 7, day: 2 },
    { jobId: "job_2", day: 2 },
    { jobId: "job_1", costMicroUsd: 5, day: 0 },
  ]);
  const spend = await spendOf({ ledger, findJobs: jobsOf({ job_1: "train", job_2: "train" }) }, who);
  expect(spend).toEqual({
    ...{ costMicroUsd: 62, executions: 3, more: false },
    days: [
      { day: "2026-03-01", costMicroUsd: 5, executions: 1 },
      { day: "2026-03-03", costMicroUsd: 57, executions: 2 },
    ],
    jobs: [
      { costMicroUsd: 50, executions: 1 },
      { name: "train", costMicroUsd: 12, executions: 2 },
    ],
  });
});

test("of a very long ledger only the newest entries are added up, and the answer says so", async () => {
  const ledger = ledgerOf(
    Array.from({ length: 20_001 }, () => ({ jobId: "job_1", costMicroUsd: 1, day: 1 })),
  );
  const spend = await spendOf({ ledger, findJobs: jobsOf({ job_1: "x" }) }, who);
  expect([spend.costMicroUsd, spend.more]).toEqual([20_000, true]);
});
