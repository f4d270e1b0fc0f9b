import type { JobStatus } from "../../shared/job-state.ts";
import type { CanStart } from "./group-rules.ts";
import type { JobRecord } from "./job-record.ts";

/** A concurrency group of a business. */
export interface GroupKey {
  businessId: string;
  group: string;
}

/** The most jobs that one call of `admit` lets go. The next call continues with the rest. */
export const ADMITTED_AT_ONCE = 1_000;
/** The most requirements of waiting jobs that one call of `admit` looks at. */
export const MAX_REQUIREMENTS = 1_000;

/**
 * Finds and changes jobs that wait for others: dependencies, concurrency groups and arrays. Every operation is safe to
 * call concurrently, and what it resolves with is on disk. Rejects with ComputeError `storage_failed` if the store fails.
 */
export interface JobFlowStore {
  /** The jobs of the business that have these ids. */
  findMany(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]>;
  /** Jobs with the gate `after` that come after one of these. */
  waitingFor(jobIds: readonly string[]): Promise<JobRecord[]>;
  /** Jobs with the gate `after` that come after one of these, directly or through others, by id: the first `limit`. */
  waitingBehind(jobIds: readonly string[], limit: number): Promise<JobRecord[]>;
  /**
   * Call this when jobs are queued again. From then on, a decision about a job that waits for one of these is not written
   * if it was based on what was read before; it is made again. Jobs in `except` are left out.
   */
  decideAgain(jobIds: readonly string[], except: readonly string[]): Promise<void>;
  /** Queued jobs that come after one of these but no longer wait for it. */
  releasedBehind(jobIds: readonly string[]): Promise<JobRecord[]>;
  /**
   * Ids of jobs that were skipped because of these, directly or through other skipped jobs, also through arrays that
   * failed because of these jobs. The oldest first.
   */
  skippedBehind(businessId: string, jobIds: readonly string[], limit: number): Promise<string[]>;
  /** Jobs with the gate `after`, by id, starting after `behindJobId`. */
  heldAfter(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /**
   * Lets jobs of the group go, as `turns` decides, and resolves with them. Concurrent calls never let more jobs go than
   * the limit. The cost grows with the limit and the number of different requirements, not with the number of waiting
   * jobs.
   */
  admit(key: GroupKey, canStart: CanStart): Promise<JobRecord[]>;
  /** Jobs of the group that have a place, by id: they are assigned, running, or queued without a gate. */
  groupHolders(key: GroupKey, limit: number): Promise<JobRecord[]>;
  /**
   * Jobs with cancelInProgress that wait for their turn in a group, whose start time has come and that never ran. By id,
   * starting after `behindJobId`.
   */
  displacing(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /** Jobs of the group that are not over, by id. */
  groupMembers(key: GroupKey): Promise<JobRecord[]>;
  /** Groups in which jobs wait, each once, by business and name, starting after `behind`. */
  groupsWithWaiting(behind: GroupKey | undefined, limit: number): Promise<GroupKey[]>;
  /** The jobs of an array, by id, starting after `behindJobId`. */
  arrayMembers(arrayId: string, behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /** How many jobs of an array there are in each status. */
  arrayProgress(arrayId: string): Promise<ReadonlyMap<JobStatus, number>>;
  /**
   * Reads an array and how many of its jobs are in each status, and writes what `decide` returns. If one of the jobs is
   * queued again meanwhile, in one write with the array, `decide` is called again. It must be pure. Resolves with the
   * array as written, or undefined if nothing changed.
   */
  settleArray(
    array: Pick<JobRecord, "jobId" | "businessId">,
    decide: (array: JobRecord, progress: ReadonlyMap<JobStatus, number>) => JobRecord | undefined,
  ): Promise<JobRecord | undefined>;
  /** Arrays that are not over, by id, starting after `behindJobId`. */
  openArrays(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
}
