import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import type { RemovedLog } from "../log/log-store.ts";

export interface EndedJobsQuery {
  /** Jobs that were submitted and ended before this (epoch milliseconds). */
  endedBeforeMs: number;
  /** Only jobs with a greater id; ids grow with the time of the submit. */
  behindJobId: string | undefined;
  limit: number;
}

export interface EndedJob {
  jobId: string;
  businessId: string;
  /** Elements go with their array. */
  inArray: boolean;
  attempt: number;
}

export interface StoreUsage {
  jobs: number;
  executions: number;
  /** As they are stored. */
  logBytes: number;
  /** All that the store holds, with its indexes. */
  usedBytes: number;
  /** Room inside the store that new rows use before the store grows. */
  freeBytes: number;
}

/**
 * Removes what nobody keeps any more. A job and its executions go at once. Its log may be large, so `finishRemovals`
 * removes it in small steps, the oldest lines first; after a crash the next call goes on. Every operation is safe to call from many places at once. Rows of another business are
 * never found. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface RetentionStore {
  /** Deletes each job that may be; an array takes its elements along. One answer for each id, in order. */
  deleteJobs(businessId: string, jobIds: readonly string[], nowMs: number): Promise<JobDeletion[]>;
  /** Ended jobs of every business, the oldest first. */
  endedJobs(query: EndedJobsQuery): Promise<EndedJob[]>;
  /** The same for those that still have a log. */
  endedLogs(query: EndedJobsQuery): Promise<EndedJob[]>;
  /** Removes the log of the attempts up to `attempt` of each job, where the job is still over. */
  removeLogs(jobs: readonly EndedJob[], nowMs: number): Promise<void>;
  /** What was removed of the log of a job that is still there. */
  removedLog(businessId: string, jobId: string): Promise<RemovedLog | undefined>;
  /** Does some of what is left to remove; resolves with whether there is more. */
  finishRemovals(): Promise<boolean>;
  /** All that the store holds, with its indexes. Cheap. */
  usedBytes(): Promise<number>;
  /** The same in detail. Reads every log. */
  usage(): Promise<StoreUsage>;
}
