import type { Collection } from "mongodb";
import type { MongoStore } from "../store/mongo.ts";
import { type JobDocument, jobFromDocument } from "./job-documents.mongo.ts";
import { jobFilterOf, listHint, listOrder, looksAtNames } from "./job-filter.mongo.ts";
import { firstOf, type JobSlice, type SizedJob } from "./job-slices.ts";
import type { JobListQuery } from "./job-store.ts";

/** How many jobs are looked at for their names in one go: in an index that has the names, and in one that has not. */
const NAMES_AT_ONCE = 5_000;
const JOBS_AT_ONCE = 500;
/** A list that passes over many jobs pauses after this long. */
const MAX_LOOK_MS = 80;

/** Reads lists of jobs, no further than is wanted. */
export class MongoJobLists {
  private readonly jobs: Collection<JobDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
  }

  async some(query: JobListQuery, maxBytes: number): Promise<JobSlice> {
    if (!looksAtNames(query)) return this.slice(query, maxBytes);
    const sinceMs = performance.now();
    const onward = query.oldestBehind === undefined ? "beforeJobId" : "oldestBehind";
    const found: JobSlice = { jobs: [], bytes: 0, isCut: false };
    for (let rest = query; ; ) {
      const edge = await this.store.attempt(() => this.edgeOf(rest));
      const wanted = { ...rest, limit: query.limit - found.jobs.length };
      const part = await this.slice(wanted, maxBytes - found.bytes, edge);
      found.jobs.push(...part.jobs);
      found.bytes += part.bytes;
      if (part.isCut || found.bytes >= maxBytes) return { ...found, isCut: true };
      if (edge === undefined || found.jobs.length >= query.limit) return found;
      if (performance.now() - sinceMs > MAX_LOOK_MS) return { ...found, pausedAt: edge };
      rest = { ...rest, [onward]: edge };
    }
  }

  async count(query: JobListQuery): Promise<{ count: number; isCut: boolean }> {
    const hint = listHint(query);
    const options = { limit: query.limit, ...(hint && { hint }) };
    const count = await this.store.attempt(() => this.jobs.countDocuments(jobFilterOf(query), options));
    return { count, isCut: false };
  }

  /** The last of the next jobs to look at for their names; undefined: there are no more than that. */
  private async edgeOf({ name: _, search: __, ...query }: JobListQuery): Promise<string | undefined> {
    const everyName = { ...query, name: undefined };
    const hint = listHint({ ...query, name: "*" });
    const cursor = this.jobs
      .find(jobFilterOf(everyName), { projection: { _id: 0, job_id: 1 } })
      .sort(listOrder(query))
      .skip((hint ? NAMES_AT_ONCE : JOBS_AT_ONCE) - 1)
      .limit(1);
    return (await (hint ? cursor.hint(hint) : cursor).next())?.job_id;
  }

  private slice(query: JobListQuery, maxBytes: number, edge?: string): Promise<JobSlice> {
    return this.store.attempt(async () => {
      const { ids, bytes, isCut } = firstOf(await this.sizes(query, edge), maxBytes);
      // Filtered again, because jobs that changed in between may no longer match.
      const filter = { $and: [{ job_id: { $in: ids } }, jobFilterOf(query)] };
      const found = ids.length === 0 ? [] : await this.jobs.find(filter).sort(listOrder(query)).toArray();
      return { jobs: found.map(jobFromDocument), bytes, isCut };
    });
  }

  /** Ids and sizes of a query's jobs. Read from a snapshot, so that a job whose status changes meanwhile appears once. */
  sizes(query: JobListQuery, edge?: string): Promise<SizedJob[]> {
    const toEdge = query.oldestBehind === undefined ? { $gte: edge } : { $lte: edge };
    const bounds = edge === undefined ? {} : { $and: [{ job_id: toEdge }, jobFilterOf(query)] };
    const steps = [
      { $match: edge === undefined ? jobFilterOf(query) : bounds },
      { $sort: listOrder(query) },
      { $limit: query.limit },
      { $project: { _id: 0, job_id: 1, bytes: { $bsonSize: "$$ROOT" } } },
    ];
    const hint = listHint(query);
    const options = { readConcern: { level: "snapshot" }, ...(hint && { hint }) } as const;
    return this.jobs.aggregate<SizedJob>(steps, options).toArray();
  }
}
