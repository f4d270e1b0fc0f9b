import { Turns } from "../../shared/turns.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import { idOrder, JobSelection } from "./job-filter.sqlite.ts";
import type { JobRecord } from "./job-record.ts";
import { type JobRow, jobFromRow } from "./job-rows.sqlite.ts";
import type { JobSlice } from "./job-slices.ts";
import type { JobListQuery } from "./job-store.ts";

/** A list that passes over many jobs pauses after this long. */
const MAX_LOOK_MS = 80;
/** A count ends here: it would take seconds. */
const MOST_LOOKED_AT = 200_000;

/** Reads lists of jobs, no further than is wanted. */
export class JobLists {
  constructor(private readonly store: SqliteStore) {}

  async some(query: JobListQuery, maxBytes: number): Promise<JobSlice> {
    const { isSparse, stride } = new JobSelection(query);
    if (!isSparse) return this.read(query, maxBytes);
    const turns = new Turns();
    const sinceMs = performance.now();
    const found: JobSlice = { jobs: [], bytes: 0, isCut: false };
    let rest = query;
    while (found.jobs.length < query.limit && !found.isCut) {
      const { sql, bindings } = new JobSelection(rest).edge(stride);
      const edge = this.store.get<{ job_id: string }>(sql, bindings)?.job_id;
      const room = maxBytes - found.bytes;
      if (room <= 0) return { ...found, isCut: true };
      const part = this.read({ ...rest, limit: query.limit - found.jobs.length }, room, edge);
      found.jobs.push(...part.jobs);
      found.bytes += part.bytes;
      found.isCut = part.isCut;
      if (edge === undefined) break;
      const isFull = found.jobs.length >= query.limit || found.isCut;
      if (!isFull && performance.now() - sinceMs > MAX_LOOK_MS) return { ...found, pausedAt: edge };
      rest = { ...rest, [idOrder(query) === "DESC" ? "beforeJobId" : "oldestBehind"]: edge };
      await turns.next();
    }
    return found;
  }

  async count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    const { isSparse, stride } = new JobSelection(query);
    if (!isSparse) return { count: this.countTo(query), isCut: false };
    const turns = new Turns();
    let rest = query;
    let count = 0;
    for (let looked = 0; looked < MOST_LOOKED_AT; looked += stride) {
      const { sql, bindings } = new JobSelection(rest).edge(stride);
      const edge = this.store.get<{ job_id: string }>(sql, bindings)?.job_id;
      count += this.countTo({ ...rest, limit: query.limit - count }, edge);
      if (edge === undefined || count >= query.limit) return { count, isCut: false };
      rest = { ...rest, [idOrder(query) === "DESC" ? "beforeJobId" : "oldestBehind"]: edge };
      await turns.next();
    }
    return { count, isCut: true };
  }

  private countTo(query: JobListQuery, edge?: string): number {
    const { sql, bindings } = new JobSelection(query).ids(edge);
    return this.store.get<{ n: number }>(`SELECT count(*) AS n FROM (${sql})`, bindings)?.n ?? 0;
  }

  /** The ids of the query's jobs. They are read from indexes alone, as far as these have what the query asks for. */
  ids(query: JobListQuery, edge?: string): string[] {
    const { sql, bindings } = new JobSelection(query).ids(edge);
    return this.store.all<{ job_id: string }>(sql, bindings).map((row) => row.job_id);
  }

  /** Reads jobs one by one: finding a large row takes so long that even asking for its size would be expensive. */
  private read(query: JobListQuery, maxBytes: number, edge?: string): JobSlice {
    const ids = this.ids(query, edge);
    const jobs: JobRecord[] = [];
    let bytes = 0;
    for (const jobId of ids) {
      if (bytes >= maxBytes) return { jobs, bytes, isCut: true };
      const row = this.store.get<JobRow>("SELECT * FROM compute_jobs WHERE job_id = $jobId", { jobId });
      if (!row) continue;
      jobs.push(jobFromRow(row));
      bytes += row.manifest.length + (row.ending?.length ?? 0);
    }
    return { jobs, bytes, isCut: false };
  }
}
