/** Something in the store that breaks a rule. */
export interface Fault {
  /** The job, execution or account it is about. */
  id: string;
  detail: string;
}

/** How many records a check looked at. */
export interface StoreCounts {
  jobs: number;
  executions: number;
  ledgerEntries: number;
}

/**
 * Checks everything in the store, and changes nothing. Each method sees one state of the store and returns at most
 * `limit` faults. Its cost grows with the store. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface IntegrityStore {
  counts(): Promise<StoreCounts>;
  /** Jobs that are ASSIGNED or RUNNING without a live execution of their own. Arrays do not need one. */
  jobsWithoutExecution(limit: number): Promise<Fault[]>;
  /** Live executions that are not the current one of a job that is ASSIGNED or RUNNING. */
  executionsWithoutJob(limit: number): Promise<Fault[]>;
  /** Jobs with more than one live execution. */
  jobsLiveTwice(limit: number): Promise<Fault[]>;
  /** Live executions that are settled in the ledger as if they had ended. */
  settledButLive(limit: number): Promise<Fault[]>;
  /** Runs of workflows whose execution is gone. */
  runsWithoutExecution(limit: number): Promise<Fault[]>;
}
