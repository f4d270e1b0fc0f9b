import type { JobRecord } from "./job-record.ts";
import type { Run } from "./run-documents.mongo.ts";

/** A job as its node gets it in the moment in which it is created. */
export interface PlacedJob {
  job: JobRecord;
  run: Run;
  claimExpiresAtMs: number;
}

/** Jobs that are created for nodes that wait for them. */
export interface Placement {
  /** By the job as it was made. There is none for a job that no node gets. */
  readonly placed: ReadonlyMap<JobRecord, PlacedJob>;
  /** Writes what belongs to the placed jobs besides them, at the same time as they are written. Never rejects. */
  write(): Promise<void>;
  /**
   * Ends the placement; must be called in any case. Jobs whose node was given others meanwhile go to the queue. Never rejects.
   * @param created those of the jobs, as they were made, that exist now.
   * @returns those of them that their nodes have got.
   */
  end(created: ReadonlySet<JobRecord>): Promise<ReadonlySet<JobRecord>>;
}

export interface Placer {
  /** Looks for nodes that wait for these jobs. Undefined: there is none, or it may have to run others first. */
  begin(jobs: readonly JobRecord[]): Placement | undefined;
}
