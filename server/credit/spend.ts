import type { CreditSpend } from "../../shared/credit.ts";
import { Turns } from "../../shared/turns.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { LedgerQuery, LedgerRecord } from "./credit-store.ts";

export interface SpendParts {
  ledger(query: LedgerQuery): Promise<LedgerRecord[]>;
  /** Those of the jobs that exist. */
  findJobs(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]>;
}

/** Entries read in one go, and in all. */
const PAGE = 500;
const MAX_ENTRIES = 20_000;
const MAX_LISTED = 100;

interface Spent {
  costMicroUsd: number;
  executions: number;
}

/** Adds up what a person's executions have cost since a time, by day, and by name and template of their jobs. */
export async function spendOf(
  { ledger, findJobs }: SpendParts,
  { businessId, userId, sinceMs }: { businessId: string; userId: string; sinceMs: number },
): Promise<CreditSpend> {
  const total: Spent = { costMicroUsd: 0, executions: 0 };
  const days = new Map<string, Spent>();
  const jobs = new Map<string, Spent & { name?: string; templateId?: string }>();
  const turns = new Turns();
  let more = true;
  let beforeEntryId: string | undefined;
  for (let read = 0; read < MAX_ENTRIES; read += PAGE) {
    const entries = await ledger({ businessId, userId, sinceMs, beforeEntryId, limit: PAGE });
    beforeEntryId = entries.at(-1)?.entryId;
    const costs = entries.flatMap(({ costMicroUsd = 0, ...entry }) =>
      costMicroUsd > 0 ? [{ ...entry, costMicroUsd }] : [],
    );
    const ids = [...new Set(costs.flatMap(({ jobId }) => jobId ?? []))];
    const found = ids.length === 0 ? [] : await findJobs(businessId, ids);
    const byId = new Map(found.map((job) => [job.jobId, job]));
    for (const { costMicroUsd, createdAtMs, jobId = "" } of costs) {
      const day = new Date(createdAtMs).toISOString().slice(0, 10);
      const { manifest, templateId } = byId.get(jobId) ?? {};
      const key = JSON.stringify([manifest?.name, templateId]);
      const named = {
        ...(manifest?.name !== undefined && { name: manifest.name }),
        ...(templateId !== undefined && { templateId }),
      };
      for (const sum of [total, of(days, day, {}), of(jobs, key, named)]) {
        sum.costMicroUsd += costMicroUsd;
        sum.executions++;
      }
    }
    if (entries.length < PAGE) {
      more = false;
      break;
    }
    await turns.next();
  }
  return {
    ...total,
    days: [...days].map(([day, spent]) => ({ day, ...spent })).sort((a, b) => (a.day < b.day ? -1 : 1)),
    jobs: [...jobs.values()].sort((a, b) => b.costMicroUsd - a.costMicroUsd).slice(0, MAX_LISTED),
    more,
  };
}

function of<Named extends object>(
  sums: Map<string, Spent & Named>,
  key: string,
  named: Named,
): Spent & Named {
  const known = sums.get(key) ?? { ...named, costMicroUsd: 0, executions: 0 };
  sums.set(key, known);
  return known;
}
