import type { Collection } from "mongodb";
import type { Resources } from "../../shared/job-fields.ts";
import { MAX_CLAIM_MS } from "./execution-copies.mongo.ts";
import type { ExecutionDocument, JobDocument } from "./job-documents.mongo.ts";

/** What an execution takes on its node, as its node's document says while the execution is being created. */
export interface ReservedRoom {
  execution_id: string;
  job_id: string;
  /** The version of the job that is claimed. A job of another version was claimed, or never will be by this execution. */
  job_version: number;
  resources: Resources;
  gpu_indexes: number[];
  assigned_at: number;
}

/** An execution as far as its node must know it. */
export type HeldDocument = Pick<ExecutionDocument, "id" | "live_on" | "resources" | "gpu_indexes">;

/** The rooms without those whose claims are over, however slow their server is. */
export function recentlyReserved(rooms: readonly ReservedRoom[] = [], nowMs: number): ReservedRoom[] {
  return rooms.filter((room) => nowMs - room.assigned_at < MAX_CLAIM_MS);
}

/** Reads what nodes hold, also what is on its way to them. */
export class HeldReader {
  constructor(
    private readonly executions: Collection<ExecutionDocument>,
    private readonly jobs: Collection<JobDocument>,
  ) {}

  /** The live executions on these nodes, and those of the rooms that still become live. */
  async read(
    nodeIds: readonly string[],
    reserved: readonly ReservedRoom[],
  ): Promise<{ live: HeldDocument[]; onTheirWay: ReservedRoom[] }> {
    const ids = reserved.map((room) => room.execution_id);
    const live = { live_on: { $in: [...nodeIds] } };
    const found: HeldDocument[] = await this.executions
      .find(ids.length > 0 ? { $or: [live, { id: { $in: ids } }] } : live, {
        projection: { _id: 0, id: 1, live_on: 1, resources: 1, gpu_indexes: 1 },
      })
      .toArray();
    const created = new Set(found.map(({ id }) => id));
    const missing = reserved.filter((room) => !created.has(room.execution_id));
    return {
      live: found.filter(({ live_on }) => live_on !== undefined),
      onTheirWay: missing.length > 0 ? await this.stillComing(missing) : [],
    };
  }

  private async stillComing(rooms: readonly ReservedRoom[]): Promise<ReservedRoom[]> {
    const jobs = await this.jobs
      .find(
        { _id: { $in: rooms.map((room) => room.job_id) } },
        { projection: { _id: 0, job_id: 1, version: 1, execution_id: 1 } },
      )
      .toArray();
    const byId = new Map(jobs.map((job) => [job.job_id, job]));
    return rooms.filter((room) => {
      const job = byId.get(room.job_id);
      // A job may be created together with its execution.
      return !job || job.version === room.job_version || job.execution_id === room.execution_id;
    });
  }
}
