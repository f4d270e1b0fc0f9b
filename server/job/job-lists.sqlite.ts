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
    if (!new JobSelection(query).isSparse) return this.read(query, maxBytes);
    const sinceMs = performance.now();
    const found: JobSlice = { jobs: [], bytes: 0, isCut: false };
    for await (const { rest, edge } of this.strides(query)) {
      const room = maxBytes - found.bytes;
      if (room <= 0) return { ...found, isCut: true };
      const part = this.read({ ...rest, limit: query.limit - found.jobs.length }, room, edge);
      found.jobs.push(...part.jobs);
      found.bytes += part.bytes;
      found.isCut = part.isCut;
      if (found.isCut || found.jobs.length >= query.limit) break;
      if (edge !== undefined && performance.now() - sinceMs > MAX_LOOK_MS)
        return { ...found, pausedAt: edge };
    }
    return found;
  }

  async count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    const { isSparse, stride } = new JobSelection(query);
    if (!isSparse) return { count: this.countTo(query), isCut: false };
    let count = 0;
    let looked = 0;
    for await (const { rest, edge } of this.strides(query)) {
      count += this.countTo({ ...rest, limit: query.limit - count }, edge);
      looked += stride;
      if (edge === undefined || count >= query.limit) break;
      if (looked >= MOST_LOOKED_AT) return { count, isCut: true };
    }
    return { count, isCut: false };
  }

  /** The query in parts that each look at a limited number of jobs: from behind those before it, to `edge`; absent: to the end. */
  private async *strides(query: JobListQuery): AsyncGenerator<{ rest: JobListQuery; edge?: string }> {
    const { stride } = new JobSelection(query);
    const onward = idOrder(query) === "DESC" ? "beforeJobId" : "oldestBehind";
    const turns = new Turns();
    for (let rest = query; ; ) {
      const { sql, bindings } = new JobSelection(rest).edge(stride);
      const edge = this.store.get<{ job_id: string }>(sql, bindings)?.job_id;
      yield { rest, edge };
      if (edge === undefined) return;
      rest = { ...rest, [onward]: edge };
      await turns.next();
    }
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
