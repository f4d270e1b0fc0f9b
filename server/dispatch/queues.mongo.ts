import type { Collection } from "mongodb";
import { isClaimable, type JobDocument, queueKeyIn, queueOf, queuesOf } from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import { type Requirement, requirementOf, userOfQueue } from "../job/requirement.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { QueueHeads } from "./picking.ts";

export interface ClaimableQueue {
  queue: string;
  key: string;
  requirement: Requirement;
}

export interface MongoQueue extends ClaimableQueue, QueueHeads {
  /** There may be more jobs after those that were read. */
  hasMore: boolean;
}

const MAX_CACHED_REQUIREMENTS = 10_000;
const MAX_HEADS = 1_000;

/** Reads the queues of claimable jobs. The methods reject with what the driver throws. */
export class MongoQueues {
  /** A queue key always stands for the same requirement, so an entry never goes stale. */
  private readonly known = new RecentMap<Requirement>(MAX_CACHED_REQUIREMENTS);
  private readonly jobs: Collection<JobDocument>;

  constructor(store: MongoStore) {
    this.jobs = store.preparing("compute_jobs");
  }

  /** The queues of the business that have claimable jobs. Jumps from key to key in the index and reads no jobs. */
  async claimable(businessId: string): Promise<ClaimableQueue[]> {
    const queues = await this.jobs.distinct("queue", { queue: queuesOf(businessId) });
    const found = await Promise.all(
      queues.map(async (queue) => {
        const requirement = queue !== undefined && (await this.requirementOf(queue));
        return requirement ? [{ queue, key: queueKeyIn(queue), requirement }] : [];
      }),
    );
    return found.flat();
  }

  async requirements(businessId: string): Promise<Requirement[]> {
    return (await this.claimable(businessId)).map((queue) => queue.requirement);
  }

  async countAhead({ businessId, jobId, manifest }: JobRecord, maxCount: number): Promise<number> {
    const { pool, priority } = manifest;
    let ahead = 0;
    for (const { queue, requirement } of await this.claimable(businessId)) {
      if (requirement.pool !== pool) continue;
      for (const comesFirst of [{ priority: { $gt: priority } }, { priority, job_id: { $lt: jobId } }]) {
        if (ahead >= maxCount) return maxCount;
        ahead += await this.jobs.countDocuments({ queue, ...comesFirst }, { limit: maxCount - ahead });
      }
    }
    return ahead;
  }

  /** Those of the queues that have more than `skip` jobs, each with up to `wanted` of the jobs after these. */
  async withHeads(claimable: readonly ClaimableQueue[], skip: number, wanted: number): Promise<MongoQueue[]> {
    const limit = Math.min(MAX_HEADS, wanted);
    if (limit <= 0) return [];
    const queues = await Promise.all(
      claimable.map(async (claimableQueue) => {
        const heads = await this.readHeads(claimableQueue.queue, skip, limit);
        return { ...claimableQueue, heads, hasMore: heads.length === limit };
      }),
    );
    return queues.filter((queue) => queue.heads.length > 0);
  }

  private async readHeads(queue: string, skip: number, limit: number) {
    const found = await this.jobs
      .find({ queue }, { projection: { _id: 0, job_id: 1, priority: 1 } })
      .sort({ priority: -1, job_id: 1 })
      .skip(skip)
      .limit(limit)
      .toArray();
    return found.map((job) => ({ jobId: job.job_id, priority: job.priority }));
  }

  private async requirementOf(queue: string): Promise<Requirement | undefined> {
    const key = queueKeyIn(queue);
    const known = this.known.get(key);
    if (known) return known;
    const job = await this.jobs.findOne({ queue }, { projection: { manifest: 1 } });
    // The last job of the queue was taken after the queues were listed.
    if (!job) return undefined;
    const requirement = requirementOf(job.manifest, userOfQueue(key));
    this.known.set(key, requirement);
    return requirement;
  }
}

/** The queue of these jobs, as if they were in it, if all can be claimed and are of one queue. */
export function queueOfAll(jobs: readonly JobRecord[]): MongoQueue | undefined {
  const [first] = jobs;
  if (!first) return undefined;
  const { businessId, userId, queueKey: key, manifest } = first;
  const isOfIt = (job: JobRecord) =>
    isClaimable(job) && job.queueKey === key && job.businessId === businessId;
  if (!jobs.every(isOfIt)) return undefined;
  const heads = jobs.map(({ jobId, manifest: { priority } }) => ({ jobId, priority }));
  const requirement = requirementOf(manifest, userId);
  return { queue: queueOf(businessId, key), key, requirement, heads, hasMore: false };
}
