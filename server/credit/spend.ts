import type { CreditSpend } from "../../shared/credit.ts";
import { Turns } from "../../shared/turns.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { LedgerQuery, LedgerRecord } from "./credit-store.ts";

export interface SpendParts {
  ledger(query: LedgerQuery): Promise<LedgerRecord[]>;
  /** Those of the jobs that exist. */
  findJobs(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]>;
  /** The template, if it exists. */
  findTemplate(businessId: string, key: { templateId: string }): Promise<{ name: string } | undefined>;
}

/** Entries read in one go, and in all. */
const PAGE = 500;
const MAX_ENTRIES = 20_000;
const MAX_LISTED = 100;

interface Spent {
  costMicroUsd: number;
  executions: number;
}

/** Adds up what a person's executions have cost since a time: by day, by job, and by template. */
export async function spendOf(
  { ledger, findJobs, findTemplate }: SpendParts,
  { businessId, userId, sinceMs }: { businessId: string; userId: string; sinceMs: number },
): Promise<CreditSpend> {
  const sums = new Sums();
  const turns = new Turns();
  let more = true;
  let beforeEntryId: string | undefined;
  for (let read = 0; read < MAX_ENTRIES; read += PAGE) {
    const entries = await ledger({ businessId, userId, sinceMs, beforeEntryId, limit: PAGE });
    beforeEntryId = entries.at(-1)?.entryId;
    const ids = [...new Set(entries.flatMap((entry) => (entry.costMicroUsd ? (entry.jobId ?? []) : [])))];
    const found = ids.length === 0 ? [] : await findJobs(businessId, ids);
    const jobs = new Map(found.map((job) => [job.jobId, job]));
    for (const entry of entries) sums.add(entry, jobs.get(entry.jobId ?? ""));
    if (entries.length < PAGE) {
      more = false;
      break;
    }
    await turns.next();
  }
  const templates = mostExpensive(sums.templates.values()).map(async (template) => ({
    ...template,
    name: (await findTemplate(businessId, template))?.name,
  }));
  return {
    ...sums.total,
    days: [...sums.days.values()].sort((a, b) => (a.day < b.day ? -1 : 1)),
    jobs: mostExpensive(sums.jobs.values()),
    templates: await Promise.all(templates),
    more,
  };
}

class Sums {
  readonly total: Spent = { costMicroUsd: 0, executions: 0 };
  readonly days = new Map<string, Spent & { day: string }>();
  readonly jobs = new Map<string, Spent & { jobId: string; name?: string; templateId?: string }>();
  readonly templates = new Map<string, Spent & { templateId: string }>();

  /** @param job the entry's job, if it exists. */
  add({ costMicroUsd = 0, createdAtMs, jobId }: LedgerRecord, job: JobRecord | undefined): void {
    if (costMicroUsd === 0) return;
    const day = new Date(createdAtMs).toISOString().slice(0, 10);
    const { manifest, templateId } = job ?? {};
    const named = { ...(manifest?.name !== undefined && { name: manifest.name }) };
    const made = { ...(templateId !== undefined && { templateId }) };
    const sums = [this.total, sumIn(this.days, day, { day })];
    if (jobId !== undefined) sums.push(sumIn(this.jobs, jobId, { jobId, ...named, ...made }));
    if (templateId !== undefined) sums.push(sumIn(this.templates, templateId, { templateId }));
    for (const sum of sums) {
      sum.costMicroUsd += costMicroUsd;
      sum.executions++;
    }
  }
}

function sumIn<Of extends object>(sums: Map<string, Spent & Of>, key: string, of: Of): Spent {
  const known = sums.get(key) ?? { ...of, costMicroUsd: 0, executions: 0 };
  sums.set(key, known);
  return known;
}

function mostExpensive<One extends Spent>(sums: Iterable<One>): One[] {
  return [...sums].sort((a, b) => b.costMicroUsd - a.costMicroUsd).slice(0, MAX_LISTED);
}
