import type { JobStatus } from "../../shared/job-state.ts";
import type { CanStart } from "./group-rules.ts";
import type { JobRecord } from "./job-record.ts";

/** A concurrency group of a business. */
export interface GroupKey {
  businessId: string;
  group: string;
}

/** The most jobs that one call lets go on; the next one goes on with the rest. */
export const ADMITTED_AT_ONCE = 1_000;
/** The most requirements of waiting jobs that one call looks at. */
export const MAX_REQUIREMENTS = 1_000;

/**
 * What the store knows of jobs that wait for others: dependencies, concurrency groups and arrays. Every operation is
 * safe to call from many places at once; what it resolves with is on disk. Rejects with ComputeError `storage_failed`
 * when the store refuses.
 */
export interface JobFlowStore {
  /** Those of the jobs that are there within the business. */
  findMany(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]>;
  /** Jobs that are held back until one of these is over. */
  waitingFor(jobIds: readonly string[]): Promise<JobRecord[]>;
  /**
   * Jobs that are held back until one of these is over, and those held back until one of them is, and so on; by id, the
   * first of them.
   */
  waitingBehind(jobIds: readonly string[], limit: number): Promise<JobRecord[]>;
  /**
   * Of jobs that are held back until one of these is over, no decision is written that was made of what was read before
   * now: it is made again. To be called when these are queued again. But for jobs of `except`.
   */
  decideAgain(jobIds: readonly string[], except: readonly string[]): Promise<void>;
  /** Queued jobs that come after one of these and are not held back for it any more. */
  releasedBehind(jobIds: readonly string[]): Promise<JobRecord[]>;
  /**
   * Jobs that were skipped because of these, because of those that were, and so on, also by way of arrays that did not
   * succeed for want of their jobs: their ids, the oldest first.
   */
  skippedBehind(businessId: string, jobIds: readonly string[], limit: number): Promise<string[]>;
  /** Jobs that are held back until others are over, by id, behind `behindJobId`. */
  heldAfter(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /**
   * Lets jobs of the group go on, as `turns` says; resolves with those that go on. Two callers at once never let more go
   * on than the limit. Cost grows with the limit and with the number of different requirements, not with the jobs that
   * wait.
   */
  admit(key: GroupKey, canStart: CanStart): Promise<JobRecord[]>;
  /** Jobs of the group that have a place: under way, or next to be handed out; by id. */
  groupHolders(key: GroupKey, limit: number): Promise<JobRecord[]>;
  /**
   * Jobs that wait for their turn in a group, may start by their time, never ran and are to take the place of the
   * earlier ones; by id, behind `behindJobId`.
   */
  displacing(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /** Jobs of the group that are not over, by id. */
  groupMembers(key: GroupKey): Promise<JobRecord[]>;
  /** Groups in which jobs wait, each once, by business and name, behind `behind`. */
  groupsWithWaiting(behind: GroupKey | undefined, limit: number): Promise<GroupKey[]>;
  /** The jobs of an array, by id, behind `behindJobId`. */
  arrayMembers(arrayId: string, behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
  /** How many jobs of an array there are in each status. */
  arrayProgress(arrayId: string): Promise<ReadonlyMap<JobStatus, number>>;
  /**
   * Writes what `decide` makes of an array, given how its jobs stand at that moment: none of them is queued again
   * unseen, where whoever does that writes the array with it. `decide` is pure and may be called again.
   */
  settleArray(
    array: Pick<JobRecord, "jobId" | "businessId">,
    decide: (array: JobRecord, progress: ReadonlyMap<JobStatus, number>) => JobRecord | undefined,
  ): Promise<JobRecord | undefined>;
  /** Arrays that are not over, by id, behind `behindJobId`. */
  openArrays(behindJobId: string | undefined, limit: number): Promise<JobRecord[]>;
}
