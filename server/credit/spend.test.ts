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

const jobsOf = (jobs: Record<string, { name?: string; templateId?: string }>) => ({
  findJobs: async (_: string, ids: readonly string[]) =>
    ids.flatMap((jobId) => {
      const { name, templateId } = jobs[jobId] ?? {};
      return jobId in jobs ? [{ jobId, manifest: { name }, templateId } as unknown as JobRecord] : [];
    }),
  findTemplate: async (_: string, { templateId }: { templateId: string }) =>
    templateId === "tpl_gone" ? undefined : { name: `template ${templateId}` },
});

test("costs are added up by day, by job and by template; what was deleted has no name", async () => {
  const ledger = ledgerOf([
    { jobId: "job_4", costMicroUsd: 2, day: 2 },
    { jobId: "job_3", costMicroUsd: 50, day: 2 },
    { jobId: "job_2", costMicroUsd: 7, day: 2 },
    { jobId: "job_2", day: 2 },
    { jobId: "job_1", costMicroUsd: 5, day: 0 },
    { jobId: "job_2", costMicroUsd: 1, day: 0 },
  ]);
  const finds = jobsOf({
    job_1: { name: "train", templateId: "tpl_1" },
    job_2: { templateId: "tpl_1" },
    job_4: { name: "free", templateId: "tpl_gone" },
  });
  expect(await spendOf({ ledger, ...finds }, who)).toEqual({
    ...{ costMicroUsd: 65, executions: 5, more: false },
    days: [
      { day: "2026-03-01", costMicroUsd: 6, executions: 2 },
      { day: "2026-03-03", costMicroUsd: 59, executions: 3 },
    ],
    jobs: [
      { jobId: "job_3", costMicroUsd: 50, executions: 1 },
      { jobId: "job_2", templateId: "tpl_1", costMicroUsd: 8, executions: 2 },
      { jobId: "job_1", name: "train", templateId: "tpl_1", costMicroUsd: 5, executions: 1 },
      { jobId: "job_4", name: "free", templateId: "tpl_gone", costMicroUsd: 2, executions: 1 },
    ],
    templates: [
      { templateId: "tpl_1", name: "template tpl_1", costMicroUsd: 13, executions: 3 },
      { templateId: "tpl_gone", costMicroUsd: 2, executions: 1 },
    ],
  });
});

test("of many jobs and templates the hundred that cost most are listed", async () => {
  const entries = Array.from({ length: 120 }, (_, i) => ({ jobId: `job_${i}`, costMicroUsd: i + 1, day: 1 }));
  const jobs = Object.fromEntries(entries.map(({ jobId }) => [jobId, { templateId: jobId }]));
  const spend = await spendOf({ ledger: ledgerOf(entries), ...jobsOf(jobs) }, who);
  expect([spend.jobs, spend.templates].map((list) => [list.length, list[0]?.costMicroUsd])).toEqual([
    [100, 120],
    [100, 120],
  ]);
  expect(spend.executions).toBe(120);
});

test("of a very long ledger only the newest entries are added up, and the answer says so", async () => {
  const ledger = ledgerOf(
    Array.from({ length: 20_001 }, () => ({ jobId: "job_1", costMicroUsd: 1, day: 1 })),
  );
  const spend = await spendOf({ ledger, ...jobsOf({}) }, who);
  expect([spend.costMicroUsd, spend.more]).toEqual([20_000, true]);
});
