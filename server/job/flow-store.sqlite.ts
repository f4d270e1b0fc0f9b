import type { JobStatus } from "../../shared/job-state.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { ADMITTED_AT_ONCE, type GroupKey, type JobFlowStore, MAX_REQUIREMENTS } from "./flow-store.ts";
import { type CanStart, limitOf, turns } from "./group-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { type JobRow, jobFromRow, updateJob } from "./job-rows.sqlite.ts";

const OPEN = "status IN ('QUEUED', 'ASSIGNED', 'RUNNING')";
const IN_GROUP = "business_id = $businessId AND concurrency_group = $group";
/** Queries must use these conditions literally, so that SQLite uses the indexes on them. */
const HAS_PLACE = `concurrency_group IS NOT NULL AND hold IS NULL AND ${OPEN}`;
const WAITS_IN_GROUP = "hold = 'group' AND status = 'QUEUED' AND not_before IS NULL";

/** A job `j` never ran because of how another job ended. */
const SKIPPED = "j.status = 'CANCELLED' AND json_extract(j.ending, '$.reason') = 'Skipped'";

export const flowMigrations: Migration[] = [
  {
    id: "flow-1",
    sql: `
      CREATE TABLE compute_job_after (
        after_job_id TEXT NOT NULL, job_id TEXT NOT NULL, PRIMARY KEY (after_job_id, job_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_jobs_held ON compute_jobs (hold, job_id) WHERE hold IS NOT NULL AND ${OPEN};
      CREATE INDEX compute_jobs_groups ON compute_jobs (business_id, concurrency_group, job_id)
        WHERE concurrency_group IS NOT NULL AND ${OPEN};
      CREATE INDEX compute_jobs_arrays ON compute_jobs (array_id, job_id) WHERE array_id IS NOT NULL;
    `,
  },
  {
    id: "flow-2",
    // Counts the jobs of an array by status without reading them, whenever one of them ends.
    sql: "CREATE INDEX compute_jobs_array_status ON compute_jobs (array_id, status) WHERE array_id IS NOT NULL",
  },
  {
    id: "flow-3",
    // Finds the few jobs that have a place in a group, and the first waiting job of each requirement, however many wait.
    sql: `
      CREATE INDEX compute_jobs_group_placed ON compute_jobs (business_id, concurrency_group, job_id)
        WHERE ${HAS_PLACE};
      CREATE INDEX compute_jobs_group_waiting ON compute_jobs (business_id, concurrency_group, queue_key, job_id)
        WHERE ${WAITS_IN_GROUP};
    `,
  },
];

export class SqliteJobFlowStore implements JobFlowStore {
  constructor(private readonly store: SqliteStore) {}

  async findMany(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select("job_id IN (SELECT value FROM json_each($ids)) AND business_id = $businessId", {
      ids: JSON.stringify(jobIds),
      businessId,
    });
  }

  async waitingFor(jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select(
      `job_id IN (SELECT job_id FROM compute_job_after WHERE after_job_id IN (SELECT value FROM json_each($ids)))
       AND hold = 'after' AND ${OPEN}`,
      { ids: JSON.stringify(jobIds) },
    );
  }

  async waitingBehind(jobIds: readonly string[], limit: number): Promise<JobRecord[]> {
    const behind = `
      WITH RECURSIVE reached (id) AS (
        SELECT value FROM json_each($ids)
        UNION
        SELECT j.job_id FROM reached r
          JOIN compute_job_after a ON a.after_job_id = r.id
          JOIN compute_jobs j ON j.job_id = a.job_id
        WHERE j.hold = 'after' AND j.status = 'QUEUED'
        LIMIT $most)
      SELECT id FROM reached`;
    const ids = JSON.stringify(jobIds);
    return this.select(`job_id IN (${behind}) AND hold = 'after' AND ${OPEN} ORDER BY job_id LIMIT $limit`, {
      ids,
      limit,
      most: jobIds.length + limit,
    });
  }

  /** Nothing to do: every decision is based on what the same write reads. */
  async decideAgain(): Promise<void> {}

  async releasedBehind(jobIds: readonly string[]): Promise<JobRecord[]> {
    return this.select(
      `job_id IN (SELECT job_id FROM compute_job_after WHERE after_job_id IN (SELECT value FROM json_each($ids)))
       AND status = 'QUEUED' AND hold IS NOT 'after' AND hold IS NOT 'array'`,
      { ids: JSON.stringify(jobIds) },
    );
  }

  async skippedBehind(businessId: string, jobIds: readonly string[], limit: number): Promise<string[]> {
    const rows = this.store.all<{ id: string }>(
      `WITH RECURSIVE reached (id) AS (
         SELECT value FROM json_each($ids)
         UNION
         SELECT a.job_id FROM reached r
           JOIN compute_job_after a ON a.after_job_id = r.id
           JOIN compute_jobs j ON j.job_id = a.job_id
         WHERE ${SKIPPED}
         UNION
         SELECT j.array_id FROM reached r JOIN compute_jobs j ON j.job_id = r.id WHERE j.array_id IS NOT NULL)
       SELECT j.job_id AS id FROM reached r JOIN compute_jobs j ON j.job_id = r.id
       WHERE j.business_id = $businessId AND ${SKIPPED} ORDER BY j.job_id LIMIT $limit`,
      { ids: JSON.stringify(jobIds), businessId, limit },
    );
    return rows.map((row) => row.id);
  }

  settleArray(
    { jobId, businessId }: Pick<JobRecord, "jobId" | "businessId">,
    decide: (array: JobRecord, progress: ReadonlyMap<JobStatus, number>) => JobRecord | undefined,
  ): Promise<JobRecord | undefined> {
    return this.store.write(() => {
      const [array] = this.select("job_id = $jobId AND business_id = $businessId", { jobId, businessId });
      const job = array && decide(array, this.progressOf(jobId));
      if (job) updateJob(this.store, job);
      return job;
    });
  }

  async heldAfter(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select(`hold = 'after' AND ${OPEN} AND job_id > $behind ORDER BY job_id LIMIT $limit`, {
      behind: behindJobId ?? "",
      limit,
    });
  }

  admit(key: GroupKey, canStart: CanStart): Promise<JobRecord[]> {
    return this.store.write(() => {
      const queues = this.waitingIn(key);
      if (queues.length === 0) return [];
      const counted = this.store.get<{ n: number }>(
        `SELECT count(*) AS n FROM compute_jobs WHERE ${IN_GROUP} AND ${HAS_PLACE} AND status <> 'QUEUED'`,
        { ...key },
      );
      const placed = this.select(`${IN_GROUP} AND ${HAS_PLACE} AND status = 'QUEUED'`, { ...key });
      const { admitted, displaced } = turns({ underWay: counted?.n ?? 0, placed, queues }, canStart);
      for (const { jobId } of displaced) this.setGate(jobId, "group");
      for (const { jobId } of admitted) this.setGate(jobId, null);
      return admitted.map((job) => ({ ...job, gate: undefined }));
    });
  }

  async groupHolders(key: GroupKey, limit: number): Promise<JobRecord[]> {
    return this.select(`${IN_GROUP} AND ${HAS_PLACE} ORDER BY job_id LIMIT $limit`, { ...key, limit });
  }

  async displacing(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select(
      `${WAITS_IN_GROUP} AND ${OPEN} AND job_id > $behind AND attempt = 0
       AND json_extract(manifest, '$.concurrency.cancelInProgress') ORDER BY job_id LIMIT $limit`,
      { behind: behindJobId ?? "", limit },
    );
  }

  /** The waiting jobs of a group, by requirement. Walks from requirement to requirement in the index. */
  private waitingIn(key: GroupKey): JobRecord[][] {
    const queues: JobRecord[][] = [];
    let after = "";
    while (queues.length < MAX_REQUIREMENTS) {
      const next = this.store.get<{ queue_key: string }>(
        `SELECT queue_key FROM compute_jobs WHERE ${IN_GROUP} AND ${WAITS_IN_GROUP} AND queue_key > $after
         ORDER BY queue_key LIMIT 1`,
        { ...key, after },
      );
      if (!next) break;
      after = next.queue_key;
      const waiting = `${IN_GROUP} AND ${WAITS_IN_GROUP} AND queue_key = $queueKey ORDER BY job_id LIMIT $limit`;
      const [head] = this.select(waiting, { ...key, queueKey: after, limit: 1 });
      const wanted = head ? Math.min(limitOf(head), ADMITTED_AT_ONCE) : 0;
      const jobs = wanted > 1 ? this.select(waiting, { ...key, queueKey: after, limit: wanted }) : [];
      if (head) queues.push(wanted > 1 ? jobs : [head]);
    }
    return queues;
  }

  private setGate(jobId: string, hold: "group" | null): void {
    this.store.run("UPDATE compute_jobs SET hold = $hold WHERE job_id = $jobId", { jobId, hold });
  }

  async groupMembers({ businessId, group }: GroupKey): Promise<JobRecord[]> {
    return this.select(
      `business_id = $businessId AND concurrency_group = $group AND ${OPEN} ORDER BY job_id`,
      {
        businessId,
        group,
      },
    );
  }

  async groupsWithWaiting(behind: GroupKey | undefined, limit: number): Promise<GroupKey[]> {
    return this.store.all<GroupKey>(
      `SELECT DISTINCT business_id AS businessId, concurrency_group AS "group" FROM compute_jobs
       WHERE hold = 'group' AND ${OPEN} AND (business_id, concurrency_group) > ($businessId, $group)
       ORDER BY business_id, concurrency_group LIMIT $limit`,
      { businessId: behind?.businessId ?? "", group: behind?.group ?? "", limit },
    );
  }

  async arrayMembers(arrayId: string, behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select("array_id = $arrayId AND job_id > $behind ORDER BY job_id LIMIT $limit", {
      arrayId,
      behind: behindJobId ?? "",
      limit,
    });
  }

  async arrayProgress(arrayId: string): Promise<ReadonlyMap<JobStatus, number>> {
    return this.progressOf(arrayId);
  }

  private progressOf(arrayId: string): ReadonlyMap<JobStatus, number> {
    const rows = this.store.all<{ status: JobStatus; n: number }>(
      "SELECT status, count(*) AS n FROM compute_jobs WHERE array_id = $arrayId GROUP BY status",
      { arrayId },
    );
    return new Map(rows.map((row) => [row.status, row.n]));
  }

  async openArrays(behindJobId: string | undefined, limit: number): Promise<JobRecord[]> {
    return this.select(`hold = 'array' AND ${OPEN} AND job_id > $behind ORDER BY job_id LIMIT $limit`, {
      behind: behindJobId ?? "",
      limit,
    });
  }

  private select(where: string, bindings: Record<string, string | number>): JobRecord[] {
    return this.store.all<JobRow>(`SELECT * FROM compute_jobs WHERE ${where}`, bindings).map(jobFromRow);
  }
}
