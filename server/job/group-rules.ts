import type { JobRecord } from "./job-record.ts";

/** Whether some node could be given the job now, or when it has room. */
export type CanStart = (job: JobRecord) => boolean;

/** A concurrency group as it stands. */
export interface GroupState {
  /** How many of its jobs are assigned or running. */
  underWay: number;
  /** Queued jobs that have been let go and that no node has taken yet. */
  placed: readonly JobRecord[];
  /** Of each requirement the jobs that wait for their turn and may start by their time, the oldest first. */
  queues: readonly (readonly JobRecord[])[];
}

/**
 * Which jobs of a group are let go, and which give up the place they had: one that may not start yet, and, where a job
 * waits that can start, one that no node could be given. At most as many have a place then as the limit says of the
 * job that is let go, in the order they were made. What no node could be given gets a place only where nobody else
 * wants it, so that it starts at once when a node comes. Pure.
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
 * Whether a job that takes the place of the earlier ones of its group (cancelInProgress) cancels `other` now. One that
 * may not start yet takes no place; one that no node could be given takes that of a job that can start no more than it.
 */
export function displaces(job: JobRecord, other: JobRecord, canStart: CanStart): boolean {
  if (other.jobId >= job.jobId || job.notBeforeMs !== undefined) return false;
  return canStart(job) || (other.status === "QUEUED" && !canStart(other));
}

export function limitOf(job: JobRecord): number {
  return job.manifest.concurrency?.limit ?? 1;
}

function byAge(one: JobRecord, other: JobRecord): number {
  return one.jobId < other.jobId ? -1 : 1;
}
