import type { SqliteStore } from "../store/sqlite.ts";
import type { ExecutionRecord, JobRecord, JobState } from "./job-record.ts";
import { deleteExecution, readExecution, readJob, updateExecution, updateJob } from "./job-rows.sqlite.ts";
import type { ChangeRequest, Decision } from "./job-store.ts";

/**
 * The jobs and executions of one change. Each is read once and written once, however many requests decide about it: a node
 * often reports the start and the end of a job together, and many jobs rest on the same few. Use it inside `store.write`.
 */
export class Drafts {
  /** As they are now; undefined: there is none. */
  private readonly jobs = new Map<string, JobRecord | undefined>();
  private readonly executions = new Map<string, ExecutionRecord | undefined>();
  private readonly changedJobs = new Set<string>();
  private readonly changedExecutions = new Set<string>();

  constructor(private readonly store: SqliteStore) {}

  /** Decides by what earlier requests have left. */
  decide<Result>(request: ChangeRequest<Result>): Result {
    const state = this.stateOf(request.key);
    const decision = request.decide(state, this.othersOf(request, state));
    this.take(decision);
    return decision.result;
  }

  write(): void {
    for (const executionId of this.changedExecutions) {
      const execution = this.executions.get(executionId);
      if (execution) updateExecution(this.store, execution);
      else deleteExecution(this.store, { executionId });
    }
    for (const place of this.changedJobs) {
      const job = this.jobs.get(place);
      if (job) updateJob(this.store, job);
    }
  }

  private take({ job, execution, removed }: Decision<unknown>): void {
    if (execution) this.keepExecution(execution.executionId, execution);
    if (removed) this.keepExecution(removed.executionId, undefined);
    if (!job) return;
    this.jobs.set(placeOf(job), job);
    this.changedJobs.add(placeOf(job));
  }

  private keepExecution(executionId: string, execution: ExecutionRecord | undefined): void {
    this.executions.set(executionId, execution);
    this.changedExecutions.add(executionId);
  }

  private stateOf(key: ChangeRequest<unknown>["key"]): JobState | undefined {
    if ("jobId" in key) {
      const job = this.job(key.businessId, key.jobId);
      return job && { job, execution: job.executionId ? this.execution(job.executionId) : undefined };
    }
    const execution = this.execution(key.executionId);
    if (!execution || execution.nodeId !== key.nodeId) return undefined;
    const job = this.job(execution.businessId, execution.jobId);
    return job && { job, execution };
  }

  private othersOf(
    { restsOn = [] }: ChangeRequest<unknown>,
    state: JobState | undefined,
  ): ReadonlyMap<string, JobRecord> {
    const others = new Map<string, JobRecord>();
    if (!state) return others;
    for (const jobId of restsOn) {
      const other = this.job(state.job.businessId, jobId);
      if (other) others.set(jobId, other);
    }
    return others;
  }

  private job(businessId: string, jobId: string): JobRecord | undefined {
    const place = placeOf({ businessId, jobId });
    if (!this.jobs.has(place)) this.jobs.set(place, readJob(this.store, businessId, jobId));
    return this.jobs.get(place);
  }

  private execution(executionId: string): ExecutionRecord | undefined {
    if (!this.executions.has(executionId))
      this.executions.set(executionId, readExecution(this.store, executionId));
    return this.executions.get(executionId);
  }
}

function placeOf({ businessId, jobId }: Pick<JobRecord, "businessId" | "jobId">): string {
  return `${businessId}/${jobId}`;
}
