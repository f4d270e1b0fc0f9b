import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import type { RemovedLog } from "../log/log-store.ts";
import type { IntoTrash, TrashRecord } from "../trash/trash-store.ts";

export interface EndedJobsQuery {
  /** Only jobs that were submitted and ended before this, in epoch milliseconds. */
  endedBeforeMs: number;
  /** Only jobs with a greater id; ids grow with the time of the submit. */
  afterJobId: string | undefined;
  limit: number;
}

export interface EndedJob {
  jobId: string;
  businessId: string;
  /** It belongs to an array, and is deleted only with the array. */
  inArray: boolean;
  attempt: number;
}

export interface StoreUsage {
  jobs: number;
  executions: number;
  /** The size of the logs as stored. */
  logBytes: number;
  /** Everything in the store, with its indexes. */
  usedBytes: number;
  /** Free room inside the store, which new rows use before the store grows. */
  freeBytes: number;
}

/**
 * Deletes jobs and their logs. A job and its executions go in one transaction. Its log may be large, so `finishRemovals`
 * removes it in small steps, the oldest lines first; after a crash, the next call continues. Every operation is safe to call
 * concurrently. Rows of another business are never found. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface RetentionStore {
  /**
   * Deletes each job that can be deleted, or moves it into the trash; an array with all its jobs. Logs stay where they are
   * until the job is gone for good. Resolves with one outcome per id, in order.
   */
  deleteJobs(
    businessId: string,
    jobIds: readonly string[],
    nowMs: number,
    into?: IntoTrash,
  ): Promise<JobDeletion[]>;
  /** Deletes for good the jobs that a trash entry has taken. */
  deleteTrashedJobs(entry: TrashRecord, nowMs: number): Promise<void>;
  /** Ended jobs of all businesses, oldest first. */
  endedJobs(query: EndedJobsQuery): Promise<EndedJob[]>;
  /** Ended jobs that still have a log, oldest first. */
  endedLogs(query: EndedJobsQuery): Promise<EndedJob[]>;
  /** Removes the log of each job up to its `attempt`, if the job is still over. */
  removeLogs(jobs: readonly EndedJob[], nowMs: number): Promise<void>;
  /** The removed part of the log of a job that still exists. */
  removedLog(businessId: string, jobId: string): Promise<RemovedLog | undefined>;
  /** Removes some of what is left to remove. Resolves with whether there is more. */
  finishRemovals(): Promise<boolean>;
  /** The size of everything in the store, with its indexes. Cheap. */
  usedBytes(): Promise<number>;
  /** The sizes in detail. Reads every log. */
  usage(): Promise<StoreUsage>;
}
