import type { Collection, Filter } from "mongodb";
import type { JobStatus } from "../../shared/job-state.ts";
import { type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { ADMITTED_AT_ONCE, type GroupKey, type JobFlowStore } from "./flow-store.ts";
import { groupKeyOf, groupOf, type JobDocument, jobFromDocument, jobUpdate } from "./job-documents.mongo.ts";
import type { JobRecord } from "./job-record.ts";

/** One document per group that ever had to wait: what two servers that let jobs go on at once meet at. */
interface GroupDocument {
  _id: string;
  admissions: number;
}

export const flowSteps = [collectionStep("flow-1", "compute_job_groups", [])];

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

  heldAfter(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select({ hold: "after", job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  admit(key: GroupKey): Promise<JobRecord[]> {
    const group = groupOf(key.businessId, key.group);
    return this.store.attempt(() => outlastOthers(() => this.admitOnce(group)));
  }

  groupMembers({ businessId, group }: GroupKey): Promise<JobRecord[]> {
    return this.select({ open_group: groupOf(businessId, group) });
  }

  groupsWithWaiting(behind: GroupKey | undefined, limit: number): Promise<GroupKey[]> {
    return this.store.attempt(async () => {
      // Jumps in the index from group to group, however many jobs wait in one.
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
    return this.store.attempt(async () => {
      const rows = await this.jobs
        .aggregate<{ _id: JobStatus; n: number }>([
          { $match: { array_id: arrayId } },
          { $group: { _id: "$status", n: { $sum: 1 } } },
        ])
        .toArray();
      return new Map(rows.map((row) => [row._id, row.n]));
    });
  }

  openArrays(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select({ hold: "array", job_id: { $gt: behindJobId ?? "" } }, limit);
  }

  private admitOnce(group: string): Promise<JobRecord[]> {
    return this.store.transaction(async (session) => {
      await this.groups.updateOne({ _id: group }, { $inc: { admissions: 1 } }, { upsert: true, session });
      let underWay = await this.jobs.countDocuments(
        { open_group: group, hold: { $exists: false } },
        { session },
      );
      const waiting = await this.jobs
        .find({ open_group: group, hold: "group" }, { session })
        .sort({ job_id: 1 })
        .limit(ADMITTED_AT_ONCE)
        .toArray();
      const admitted: JobRecord[] = [];
      for (const job of waiting.map(jobFromDocument)) {
        if (underWay >= (job.manifest.concurrency?.limit ?? 1)) break;
        admitted.push({ ...job, hold: undefined });
        underWay += 1;
      }
      if (admitted.length === 0) return admitted;
      const writes = admitted.map((job) => ({
        updateOne: { filter: { job_id: job.jobId, hold: "group" as const }, update: jobUpdate(job) },
      }));
      await this.jobs.bulkWrite(writes, { session });
      return admitted;
    });
  }

  private select(filter: Filter<JobDocument>, limit = 0): Promise<JobRecord[]> {
    return this.store.attempt(async () => {
      const found = await this.jobs.find(filter).sort({ job_id: 1 }).limit(limit).toArray();
      return found.map(jobFromDocument);
    });
  }
}
