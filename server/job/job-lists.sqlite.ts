import type { SqliteStore } from "../store/sqlite.ts";
import { Turns } from "../turns.ts";
import { idOrder, looksAtEach, selectEdge, selectJobIds } from "./job-filter.sqlite.ts";
import { type JobRow, jobFromRow } from "./job-rows.sqlite.ts";
import { firstOf, type JobSlice, type SizedJob } from "./job-slices.ts";
import type { JobListQuery } from "./job-store.ts";

/** Jobs that are looked at in one go where each may have to be: a manifest can be long. */
const LOOKED_AT_ONCE = 100;

/** Lists of jobs, read no further than is wanted. */
export class JobLists {
  constructor(private readonly store: SqliteStore) {}

  async some(query: JobListQuery, maxBytes: number): Promise<JobSlice> {
    if (!looksAtEach(query)) return this.read(query, maxBytes);
    const turns = new Turns();
    const found: JobSlice = { jobs: [], bytes: 0, isCut: false };
    let rest = query;
    while (found.jobs.length < query.limit && !found.isCut) {
      const { sql, bindings } = selectEdge(rest, LOOKED_AT_ONCE);
      const edge = this.store.get<{ job_id: string }>(sql, bindings)?.job_id;
      const room = maxBytes - found.bytes;
      if (room <= 0) return { ...found, isCut: true };
      const part = this.read({ ...rest, limit: query.limit - found.jobs.length }, room, edge);
      found.jobs.push(...part.jobs);
      found.bytes += part.bytes;
      found.isCut = part.isCut;
      if (edge === undefined) break;
      rest = { ...rest, [idOrder(query) === "DESC" ? "beforeJobId" : "oldestBehind"]: edge };
      await turns.next();
    }
    return found;
  }

  /** What a query selects, not read yet. */
  sizes(query: JobListQuery, edge?: string): SizedJob[] {
    const { sql, bindings } = selectJobIds(query, edge);
    return this.store.all<SizedJob>(
      `SELECT job_id, octet_length(manifest) AS bytes FROM compute_jobs WHERE job_id IN (${sql})
       ORDER BY job_id ${idOrder(query)}`,
      bindings,
    );
  }

  private read(query: JobListQuery, maxBytes: number, edge?: string): JobSlice {
    const { ids, bytes, isCut } = firstOf(this.sizes(query, edge), maxBytes);
    const rows = this.store.all<JobRow>(
      `SELECT * FROM compute_jobs WHERE job_id IN (SELECT value FROM json_each($ids)) ORDER BY job_id ${idOrder(query)}`,
      { ids: JSON.stringify(ids) },
    );
    return { jobs: rows.map(jobFromRow), bytes, isCut };
  }
}
