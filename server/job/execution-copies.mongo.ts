import type { Collection } from "mongodb";
import type { MongoStore } from "../store/mongo.ts";
import { CLAIM_MS, type ExecutionDocument, type JobDocument } from "./job-documents.mongo.ts";
import type { ExecutionRecord } from "./job-record.ts";
import { executionFromDocument, executionUpdate, type Run, runOf } from "./run-documents.mongo.ts";

/** What a change has made of the run of a job. */
export interface ChangedRun {
  run: Run | undefined;
  isRunChanged: boolean;
  /** A run that never began, and of which nothing is kept. */
  removedRun?: Run | undefined;
}

/** A claim that takes longer than this has been undone, however slow its server is. */
export const MAX_CLAIM_MS = 2 * CLAIM_MS;

/**
 * Keeps `compute_executions` up to date with the runs in the jobs. A run is copied when it ends, once that is on a majority.
 * Until then, and if the server dies in between, the copy stays behind; it is still live then. So everyone who reads a live
 * copy compares it with its job (`bringUpToDate`).
 */
export class ExecutionCopies {
  private readonly executions: Collection<ExecutionDocument>;

  constructor(store: MongoStore) {
    // A copy that is lost is made again.
    this.executions = store.preparing("compute_executions");
  }

  /** Copies runs that were changed, as far as the copy must not wait until somebody reads it. */
  async afterChange(changes: readonly ChangedRun[]): Promise<void> {
    const removed = changes.flatMap(({ removedRun }) => removedRun?.execution.executionId ?? []);
    if (removed.length > 0) await this.executions.deleteMany({ id: { $in: removed } });
    const changed = changes.flatMap(({ run, isRunChanged }) => (run && isRunChanged ? [run] : []));
    await this.write(changed.filter(({ execution }) => execution.status !== "RUNNING"));
  }

  /**
   * Resolves with the executions as they really are, in order. Copies that are behind are written.
   * @param jobs the jobs of those that are live, by id.
   * @param learnsAll also writes copies that need not know yet that their execution has started.
   */
  async bringUpToDate(
    copies: readonly ExecutionDocument[],
    jobs: ReadonlyMap<string, JobDocument>,
    nowMs: number,
    learnsAll = false,
  ): Promise<ExecutionRecord[]> {
    const behind: Run[] = [];
    const executions = copies.map((copy) => {
      if (copy.live_on === undefined) return executionFromDocument(copy);
      const truth = this.truthOf(copy, jobs.get(copy.job_id), nowMs);
      if (truth.version > copy.version && (learnsAll || mustKnow(copy, truth, nowMs))) behind.push(truth);
      return truth.execution;
    });
    await this.write(behind);
    return executions;
  }

  private async write(runs: readonly Run[]): Promise<void> {
    if (runs.length === 0) return;
    const writes = runs.map((run) => ({
      updateOne: {
        // A copy that comes late must not replace a newer one.
        filter: { id: run.execution.executionId, version: { $lt: run.version } },
        update: executionUpdate(run),
      },
    }));
    await this.executions.bulkWrite(writes, { ordered: false });
  }

  private truthOf(copy: ExecutionDocument, job: JobDocument | undefined, nowMs: number): Run {
    const execution = executionFromDocument(copy);
    const { version } = copy;
    const run = job && runOf(job);
    if (run?.execution.executionId === copy.id) return run.version >= version ? run : { execution, version };
    // It was created before jobs had runs.
    if (job && !run && job.execution_id === copy.id) return { execution, version };
    // Its claim is on its way.
    if (nowMs - copy.assigned_at < MAX_CLAIM_MS) return { execution, version };
    const end = { message: "It was never started: its server died, or another server was faster." };
    return {
      execution: { ...execution, status: "CANCELLED", end, finishedAtMs: nowMs },
      version: version + 1,
    };
  }
}

/**
 * Whether a copy must learn what its job knows. Of a start it only must when its lease has expired: until then nobody looks for
 * it by anything that the start changed.
 */
function mustKnow(copy: ExecutionDocument, { execution }: Run, nowMs: number): boolean {
  return execution.status !== "RUNNING" || copy.status !== "ASSIGNED" || copy.lease_expires_at <= nowMs;
}
