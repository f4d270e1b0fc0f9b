import { RecentMap } from "../runtime/recent-map.ts";
import type { JobRecord } from "./job-record.ts";
import type { Run } from "./run-documents.mongo.ts";

/** A job with its run, as they were in this version of the job's document. */
export interface KnownJob {
  job: JobRecord;
  run: Run | undefined;
  version: number;
}

const MAX_JOBS = 4_096;
const MAX_EXECUTIONS = 20_000;
const MAX_MANIFEST_CHARS = 4_096;

/**
 * The jobs that this server has written last, so that it need not read them again for what usually comes next. Another
 * server may have changed them since. So they are only good for a write that names their version, which fails then.
 */
export class RecentJobs {
  private readonly jobs = new RecentMap<KnownJob>(MAX_JOBS);
  /** The jobs of executions, which never change. */
  private readonly jobIds = new RecentMap<string>(MAX_EXECUTIONS);

  get(jobId: string): KnownJob | undefined {
    return this.jobs.get(jobId);
  }

  jobIdOf(executionId: string): string | undefined {
    return this.jobIds.get(executionId);
  }

  rememberExecution(executionId: string, jobId: string): void {
    this.jobIds.set(executionId, jobId);
  }

  remember(known: KnownJob): void {
    if (known.run) this.rememberExecution(known.run.execution.executionId, known.job.jobId);
    const { jobId, manifest } = known.job;
    // A manifest never changes, and is measured once.
    const isMeasured = this.jobs.get(jobId)?.job.manifest === manifest;
    if (isMeasured || JSON.stringify(manifest).length <= MAX_MANIFEST_CHARS) this.jobs.set(jobId, known);
    else this.jobs.delete(jobId);
  }

  forget(jobId: string): void {
    this.jobs.delete(jobId);
  }
}
