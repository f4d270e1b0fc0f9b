import type { ClientSession, Collection, Filter } from "mongodb";
import type { JobStatus } from "../../shared/job-state.ts";
import { type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { ADMITTED_AT_ONCE, type GroupKey, type JobFlowStore, MAX_REQUIREMENTS } from "./flow-store.ts";
import { type CanStart, limitOf, turns } from "./group-rules.ts";
import { groupKeyOf, groupOf, type JobDocument, jobFromDocument, jobUpdate } from "./job-documents.mongo.ts";
import type { JobRecord } from "./job-record.ts";

/** One document per group that ever had waiting jobs. Two servers that admit jobs at the same time conflict on it. */
interface GroupDocument {
  _id: string;
  admissions: number;
}

/** How to find the jobs that come after a job. */
interface Link {
  field: string;
  where: Filter<JobDocument>;
}

type Reached = Pick<JobDocument, "job_id" | "array_id">;

const COMES_AFTER = "manifest.after.jobId";
/** Part of a query so that it can use the index of jobs that come after others. */
const SAYS_AFTER = { "manifest.after": { $exists: true } };

/** Selects the jobs that come after one of these, whether they still wait or not. */
export function comingAfter(jobIds: readonly string[]): Filter<JobDocument> {
  return { ...SAYS_AFTER, [COMES_AFTER]: { $in: [...jobIds] } };
}
const MAX_NARROW = 4;
/** MongoDB keeps the result of one lookup, with whole manifests, in 100 MiB of memory. */
const STEPS_AT_ONCE = 40;

export const flowSteps = [
  collectionStep("flow-1", "compute_job_groups", []),
  // Serves `releasedBehind` and `skippedBehind`, when a job is queued again.
  collectionStep("flow-2", "compute_jobs", [
    {
      key: { [COMES_AFTER]: 1, job_id: 1 },
      partialFilterExpression: SAYS_AFTER,
    },
  ]),
  // Finds the first waiting job of each requirement in a group, however many wait.
  collectionStep("flow-3", "compute_jobs", [
    {
      key: { open_group: 1, hold: 1, queue_key: 1, not_before: 1, job_id: 1 },
      partialFilterExpression: { open_group: { $exists: true } },
    },
  ]),
];

export class MongoJobFlowStore implements JobFlowStore {
  private readonly jobs: Collection<JobDocument>;
  private readonly groups: Collection<GroupDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.groups = store.collection("compute_job_groups");
  }

  findMany(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select({ job_id: { $in: [...jobIds] }, business_id: businessId });
  }

  waitingFor(jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select({ after_ids: { $in: [...jobIds] } });
  }

  waitingBehind(jobIds: readonly string[], limit: number): Promise<JobRecord[]> {
    return this.store.attempt(async () => {
      const link = { field: "after_ids", where: { hold: "after" as const } };
      const ids = await this.reach(jobIds, link, limit);
      const found = await this.jobs
        .find({ _id: { $in: [...ids] }, hold: "after" })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(jobFromDocument);
    });
  }

  decideAgain(jobIds: readonly string[], except: readonly string[]): Promise<void> {
    const waiting = { after_ids: { $in: [...jobIds] }, job_id: { $nin: [...except] } };
    return this.store.attempt(async () => {
      await this.jobs.updateMany(waiting, { $inc: { version: 1 } });
    });
  }

  releasedBehind(jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select({
      ...comingAfter(jobIds),
      status: "QUEUED",
      hold: { $nin: ["after", "array"] },
    });
  }

  skippedBehind(businessId: string, jobIds: readonly string[], limit: number): Promise<string[]> {
    return this.store.attempt(async () => {
      const arrays = await this.jobs
        .find({ _id: { $in: [...jobIds] }, array_id: { $exists: true } }, { projection: { array_id: 1 } })
        .toArray();
      const seeds = [...jobIds, ...arrays.flatMap((job) => job.array_id ?? [])];
      const skipped = { business_id: businessId, status: "CANCELLED" as const, "ending.reason": "Skipped" };
      const link = { field: COMES_AFTER, where: { ...skipped, ...SAYS_AFTER } };
      const ids = await this.reach(seeds, link, limit);
      return [...ids].sort().slice(0, limit);
    });
  }

  settleArray(
    { jobId, businessId }: Pick<JobRecord, "jobId" | "businessId">,
    decide: (array: JobRecord, progress: ReadonlyMap<JobStatus, number>) => JobRecord | undefined,
  ): Promise<JobRecord | undefined> {
    const settleOnce = (session: ClientSession) => this.settleIn(session, { jobId, businessId }, decide);
    return this.store.attempt(() => outlastOthers(() => this.store.transaction(settleOnce)));
  }

  heldAfter(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select({ hold: "after", job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  admit(key: GroupKey, canStart: CanStart): Promise<JobRecord[]> {
    const group = groupOf(key.businessId, key.group);
    return this.store.attempt(() => outlastOthers(() => this.admitOnce(group, canStart)));
  }

  groupHolders({ businessId, group }: GroupKey, limit: number): Promise<JobRecord[]> {
    return this.select({ open_group: groupOf(businessId, group), hold: { $exists: false } }, limit);
  }

  displacing(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    const waits = { hold: "group" as const, not_before: { $exists: false }, attempt: 0 };
    const displaces = { "manifest.concurrency.cancelInProgress": true };
    return this.select({ ...waits, ...displaces, job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  groupMembers({ businessId, group }: GroupKey): Promise<JobRecord[]> {
    return this.select({ open_group: groupOf(businessId, group) });
  }

  groupsWithWaiting(behind: GroupKey | undefined, limit: number): Promise<GroupKey[]> {
    return this.store.attempt(async () => {
      // Jumps from group to group in the index, however many jobs wait in each.
      const place = behind ? groupOf(behind.businessId, behind.group) : "";
      const found = await this.jobs.distinct("open_group", { open_group: { $gt: place }, hold: "group" });
      const groups = found.filter((group) => group !== undefined).sort();
      return groups.slice(0, limit).map(groupKeyOf);
    });
  }

  arrayMembers(arrayId: string, behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select({ array_id: arrayId, job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  arrayProgress(arrayId: string): Promise<ReadonlyMap<JobStatus, number>> {
    return this.store.attempt(() => this.progressOf(arrayId));
  }

  openArrays(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select({ hold: "array", job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  private admitOnce(group: string, canStart: CanStart): Promise<JobRecord[]> {
    return this.store.transaction(async (session) => {
      await this.groups.updateOne({ _id: group }, { $inc: { admissions: 1 } }, { upsert: true, session });
      const queues = await this.waitingIn(group, session);
      if (queues.length === 0) return [];
      const place = { open_group: group, hold: { $exists: false } };
      const underWay = await this.jobs.countDocuments({ ...place, status: { $ne: "QUEUED" } }, { session });
      const placed = await this.jobs.find({ ...place, status: "QUEUED" }, { session }).toArray();
      const state = { underWay, placed: placed.map(jobFromDocument), queues };
      const { admitted, displaced } = turns(state, canStart);
      const going = admitted.map((job) => ({ ...job, gate: undefined }));
      const changed = [...displaced.map((job) => ({ ...job, gate: "group" as const })), ...going];
      if (changed.length === 0) return [];
      // If a node takes one of these jobs at this moment, the transaction conflicts and starts again.
      const writes = changed.map((job) => ({
        updateOne: { filter: { _id: job.jobId, status: "QUEUED" as const }, update: jobUpdate(job) },
      }));
      await this.jobs.bulkWrite(writes, { session });
      return going;
    });
  }

  /** The waiting jobs of a group, by requirement. Jumps from requirement to requirement in the index. */
  private async waitingIn(group: string, session: ClientSession): Promise<JobRecord[][]> {
    const waits = { open_group: group, hold: "group" as const };
    const keys = await this.jobs.distinct("queue_key", waits, { session });
    const queues: JobRecord[][] = [];
    for (const queue_key of keys.slice(0, MAX_REQUIREMENTS)) {
      const startable = { ...waits, queue_key, not_before: { $exists: false } };
      const read = (limit: number, skip: number) =>
        this.jobs.find(startable, { session }).sort({ job_id: 1 }).skip(skip).limit(limit).toArray();
      const [head] = (await read(1, 0)).map(jobFromDocument);
      if (!head) continue;
      const more = Math.min(limitOf(head), ADMITTED_AT_ONCE) - 1;
      const others = more > 0 ? (await read(more, 1)).map(jobFromDocument) : [];
      queues.push([head, ...others]);
    }
    return queues;
  }

  private async progressOf(
    arrayId: string,
    session?: ClientSession,
  ): Promise<ReadonlyMap<JobStatus, number>> {
    const steps = [{ $match: { array_id: arrayId } }, { $group: { _id: "$status", n: { $sum: 1 } } }];
    const rows = await this.jobs.aggregate<{ _id: JobStatus; n: number }>(steps, { session }).toArray();
    return new Map(rows.map((row) => [row._id, row.n]));
  }

  private async settleIn(
    session: ClientSession,
    { jobId, businessId }: Pick<JobRecord, "jobId" | "businessId">,
    decide: (array: JobRecord, progress: ReadonlyMap<JobStatus, number>) => JobRecord | undefined,
  ): Promise<JobRecord | undefined> {
    const found = await this.jobs.findOne({ _id: jobId, business_id: businessId }, { session });
    const job = found && decide(jobFromDocument(found), await this.progressOf(jobId, session));
    // If anyone has written the array since this transaction began, it conflicts and starts again.
    if (job) await this.jobs.updateOne({ _id: jobId }, jobUpdate(job), { session });
    return job ?? undefined;
  }

  /** Ids of the jobs that come after these, directly or through others, also through their arrays. */
  private async reach(jobIds: readonly string[], link: Link, limit: number): Promise<Set<string>> {
    const found = new Set<string>();
    const looked = new Set(jobIds);
    let frontier = [...jobIds];
    while (frontier.length > 0 && found.size < limit) {
      const jobs = await this.step(frontier, link);
      for (const job of jobs) found.add(job.job_id);
      const ids = jobs.flatMap((job) => [job.job_id, ...(job.array_id ? [job.array_id] : [])]);
      frontier = [...new Set(ids)].filter((id) => !looked.has(id));
      for (const id of frontier) looked.add(id);
    }
    return found;
  }

  /** Follows many jobs by one step, or a few jobs by many steps at once: long chains are narrow. */
  private async step(jobIds: string[], { field, where }: Link): Promise<Reached[]> {
    if (jobIds.length > MAX_NARROW) {
      const projection = { _id: 0, job_id: 1, array_id: 1 };
      return this.jobs.find({ ...where, [field]: { $in: jobIds } }, { projection }).toArray();
    }
    const $graphLookup = {
      from: "compute_jobs",
      startWith: "$job_id",
      connectFromField: "job_id",
      connectToField: field,
      as: "behind",
      maxDepth: STEPS_AT_ONCE,
      restrictSearchWithMatch: where,
    };
    const $project = { _id: 0, job_id: "$behind.job_id", array_id: "$behind.array_id" };
    const steps = [
      { $match: { _id: { $in: jobIds } } },
      { $graphLookup },
      { $unwind: "$behind" },
      { $project },
    ];
    return this.jobs.aggregate<Reached>(steps).toArray();
  }

  private select(filter: Filter<JobDocument>, limit = 0): Promise<JobRecord[]> {
    return this.store.attempt(async () => {
      const found = await this.jobs.find(filter).sort({ job_id: 1 }).limit(limit).toArray();
      return found.map(jobFromDocument);
    });
  }
}
