/** Something in the store that should not be. */
export interface Fault {
  /** The job, execution or account it is about. */
  id: string;
  detail: string;
}

/** How many there are, so that a check can say what it looked at. */
export interface StoreCounts {
  jobs: number;
  executions: number;
  ledgerEntries: number;
}

/**
 * Looks over everything that is stored, and changes nothing. Each answer is of one moment; at most `limit` faults of a
 * kind are told. Cost grows with the store. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface IntegrityStore {
  counts(): Promise<StoreCounts>;
  /** Jobs that are ASSIGNED or RUNNING without a live execution that is theirs; an array itself has none. */
  jobsWithoutExecution(limit: number): Promise<Fault[]>;
  /** Live executions that are not the current one of a job that is ASSIGNED or RUNNING. */
  executionsWithoutJob(limit: number): Promise<Fault[]>;
  /** Jobs with more than one live execution. */
  jobsLiveTwice(limit: number): Promise<Fault[]>;
  /** Live executions that are settled in the ledger as if they had ended. */
  settledButLive(limit: number): Promise<Fault[]>;
}
