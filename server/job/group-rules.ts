import type { JobRecord } from "./job-record.ts";

/** Whether a node that takes jobs could run the job, now or once it has room. */
export type CanStart = (job: JobRecord) => boolean;

/** The current state of a concurrency group. */
export interface GroupState {
  /** How many of its jobs are assigned or running. */
  underWay: number;
  /** Queued jobs that have a place but that no node has taken yet. */
  placed: readonly JobRecord[];
  /** The jobs that wait for their turn and whose start time has come: one list per requirement, the oldest first. */
  queues: readonly (readonly JobRecord[])[];
}

/**
 * Decides which waiting jobs of a group get a place, and which queued jobs give up theirs.
 *
 * A job gives up its place if its start time has not come yet. It also does if no node could run it and a job that can
 * start waits for a place. Free places go to the jobs that can start, the oldest first, as long as no more jobs have a
 * place than the job's own limit allows. Places that are left go to jobs that no node could run, so that these start as
 * soon as a node for them appears. Pure.
 */
export function turns(
  { underWay, placed, queues }: GroupState,
  canStart: CanStart,
): { admitted: JobRecord[]; displaced: JobRecord[] } {
  const sleeping = placed.filter((job) => job.notBeforeMs !== undefined);
  const stuck = placed.filter((job) => job.notBeforeMs === undefined && !canStart(job)).sort(byAge);
  const admitted: JobRecord[] = [];
  const displaced = [...sleeping];
  let taken = underWay + placed.length - sleeping.length;
  const startable = queues.filter(([head]) => head !== undefined && canStart(head));
  for (const job of startable.flat().sort(byAge)) {
    const limit = limitOf(job);
    while (taken >= limit) {
      const last = stuck.pop();
      if (!last) break;
      displaced.push(last);
      taken -= 1;
    }
    if (taken >= limit) break;
    admitted.push(job);
    taken += 1;
  }
  const others = queues.filter((queue) => !startable.includes(queue));
  for (const job of others.flat().sort(byAge)) {
    if (taken >= limitOf(job)) break;
    admitted.push(job);
    taken += 1;
  }
  return { admitted, displaced };
}

/**
 * Whether a job with cancelInProgress cancels `other`, a job of its group, now. It cancels only older jobs, and only once
 * its start time has come. A job that no node could run cancels only queued jobs that no node could run either.
 */
export function displaces(job: JobRecord, other: JobRecord, canStart: CanStart): boolean {
  if (other.jobId >= job.jobId || job.notBeforeMs !== undefined) return false;
  return canStart(job) || (other.status === "QUEUED" && !canStart(other));
}

export function limitOf(job: JobRecord): number {
  return job.manifest.concurrency?.limit ?? 1;
}

function byAge(job: JobRecord, other: JobRecord): number {
  return job.jobId < other.jobId ? -1 : 1;
}
