import { isFinal } from "../../shared/job-state.ts";
import { namedBefore } from "./flow-rules.ts";
import type { JobFlow, JobFlowParts } from "./job-flow.ts";
import type { JobRecord } from "./job-record.ts";
import { CHANGED_AT_ONCE } from "./job-slices.ts";
import type { ChangeRequest } from "./job-store.ts";
import { heldAgain, queuedAgain, type RetryOrder, reopened } from "./retry-rules.ts";

/** What a retry has done. */
export interface Retried {
  /** Jobs that are queued again; an array counts as its jobs. */
  queuedAgain: number;
  /** Jobs that were skipped because of these, directly or through others, and stay so. */
  skippedDependents: number;
}

/** What became of jobs that are retried together. */
export interface RetriedSet extends Retried {
  /** Those of the targets that are queued again; an array counts as one. */
  changed: number;
  /** Jobs that must not run yet: what they come after did not end as it must, and is not retried. */
  left: number;
}

/** What one change made of its targets. */
interface Requeued {
  changed: JobRecord[];
  queued: Set<string>;
  left: number;
  ofArray?: boolean;
}

type Request = ChangeRequest<JobRecord | undefined>;

const AT_ONCE = 1_000;
const MAX_BEHIND = 100_000;
const MAX_ROUNDS = 3;

/** Queues jobs again that are over, in the order in which they come after each other. */
export class JobRetry {
  constructor(
    private readonly parts: Pick<JobFlowParts, "jobs" | "flow" | "now">,
    private readonly flow: Pick<JobFlow, "changed" | "membersOf">,
  ) {}

  /**
   * One job, or of an array those of its jobs that are over and did not succeed. With dependents also the jobs that
   * were skipped because of it; then a job that succeeded or is not over is left as it is, if there are any.
   */
  async one(job: JobRecord, withDependents: boolean): Promise<Retried> {
    const isLeft = withDependents && job.status === "SUCCESS" && (await this.isAwaited(job));
    const done = isLeft ? undefined : await this.queueMembers(job, "by-hand");
    const changed = done?.changed ?? [];
    await this.settle(changed);
    const seeds = [job.jobId, ...(done?.queued ?? [])];
    const { queuedIds, skippedDependents } = await this.bringBackBehind(
      job.businessId,
      seeds,
      withDependents,
    );
    return { queuedAgain: workOf(changed).union(queuedIds).size, skippedDependents };
  }

  /** Jobs of one business, the oldest first, slice by slice: each is queued again before the next is asked for. */
  async many(
    businessId: string,
    slices: AsyncIterable<readonly JobRecord[]>,
    withDependents: boolean,
  ): Promise<RetriedSet> {
    const seeds = new Set<string>();
    const again = new Set<string>();
    const sum = { changed: 0, left: 0 };
    for await (const jobs of slices) {
      const done = await this.slice(jobs);
      const changed = done.flatMap((one) => one.changed);
      await this.settle(changed);
      for (const job of changed) seeds.add(job.jobId);
      for (const one of done) for (const jobId of one.queued) seeds.add(jobId);
      for (const jobId of workOf(changed)) again.add(jobId);
      for (const one of done) {
        sum.left += one.left;
        sum.changed += one.ofArray ? Math.min(1, one.changed.length) : one.queued.size;
      }
    }
    // Only now: what was skipped because of some of them may have been one of the others.
    const { queuedIds, skippedDependents } = await this.bringBackBehind(
      businessId,
      [...seeds],
      withDependents,
    );
    return { ...sum, skippedDependents, queuedAgain: again.union(queuedIds).size };
  }

  private async slice(jobs: readonly JobRecord[]): Promise<Requeued[]> {
    const done: Requeued[] = [];
    let plain: JobRecord[] = [];
    const flush = async () => {
      if (plain.length > 0) done.push(await this.queueAgain(plain, "in-set"));
      plain = [];
    };
    for (const job of jobs) {
      if (job.manifest.array === undefined) {
        plain.push(job);
        continue;
      }
      await flush();
      done.push({ ...(await this.queueMembers(job, "in-set")), ofArray: true });
    }
    await flush();
    return done;
  }

  /** Of an array the jobs that are over and did not succeed, a few in each change. */
  private async queueMembers(array: JobRecord, order: RetryOrder): Promise<Requeued> {
    const targets = await this.targetsOf(array);
    const sum: Requeued = { changed: [], queued: new Set(), left: 0 };
    for (let i = 0; i === 0 || i < targets.length; i += CHANGED_AT_ONCE) {
      const done = await this.queueAgain(targets.slice(i, i + CHANGED_AT_ONCE), order, array);
      sum.changed.push(...done.changed);
      for (const jobId of done.queued) sum.queued.add(jobId);
      sum.left += done.left;
    }
    return sum;
  }

  /** What follows for jobs that were skipped because of these. */
  private async bringBackBehind(
    businessId: string,
    seeds: readonly string[],
    withDependents: boolean,
  ): Promise<{ queuedIds: Set<string>; skippedDependents: number }> {
    const changed: JobRecord[] = [];
    const skipped = seeds.length === 0 ? [] : await this.skippedBehind(businessId, seeds);
    let back = withDependents ? skipped : [];
    // One that comes back is skipped once more where somebody looks before what it comes after is back, too.
    for (let round = 0; back.length > 0 && round < MAX_ROUNDS; round++) {
      changed.push(...(await this.bringBack(businessId, back)));
      back = await this.skippedBehind(businessId, [...seeds, ...skipped]);
    }
    await this.settle(changed);
    return { queuedIds: workOf(changed), skippedDependents: withDependents ? 0 : skipped.length };
  }

  private async settle(changed: readonly JobRecord[]): Promise<void> {
    await this.holdBack(changed);
    await this.flow.changed(changed);
  }

  /** Somebody may have let a job go by how another was before it was queued again, or be about to. */
  private async holdBack(changed: readonly JobRecord[]): Promise<void> {
    if (changed.length === 0) return;
    const ids = changed.map((job) => job.jobId);
    await this.parts.flow.decideAgain(ids, ids);
    const late = await this.parts.flow.releasedBehind(ids);
    const isOpen = (job: JobRecord) => !isFinal(job.status);
    const waits: Request[] = changed
      .filter((job) => job.status === "QUEUED" && job.gate !== "after" && namedBefore(job).length > 0)
      .map((job) => ({
        ...requestOf(job, (now, others) => (others.values().some(isOpen) ? heldAgain(now) : undefined)),
        restsOn: namedBefore(job),
      }));
    await this.flow.changed(await this.change([...late.map((job) => requestOf(job, heldAgain)), ...waits]));
  }

  /** The oldest first: none comes back before what it comes after, and so none is skipped again for that. */
  private async bringBack(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]> {
    const changed: JobRecord[] = [];
    for (let i = 0; i < jobIds.length; i += AT_ONCE) {
      const jobs = await this.parts.flow.findMany(businessId, jobIds.slice(i, i + AT_ONCE));
      const skipped = jobs.filter((job) => job.end?.reason === "Skipped");
      changed.push(...(await this.queueAgain(skipped, "behind")).changed);
    }
    return changed;
  }

  /** Whether jobs were skipped that need nothing but that it succeeded. */
  private async isAwaited({ jobId, businessId }: JobRecord): Promise<boolean> {
    const behind = await this.skippedBehind(businessId, [jobId]);
    const jobs = await this.parts.flow.findMany(businessId, behind.slice(0, AT_ONCE));
    return jobs.some((job) => awaitsSuccessOf(jobId, job));
  }

  private skippedBehind(businessId: string, seeds: readonly string[]): Promise<string[]> {
    return this.parts.flow.skippedBehind(businessId, seeds, MAX_BEHIND);
  }

  /** The job itself, or what of an array is over and did not succeed. */
  private async targetsOf(job: JobRecord): Promise<JobRecord[]> {
    if (job.manifest.array === undefined) return [job];
    const members: JobRecord[] = [];
    for await (const page of this.flow.membersOf(job.jobId)) {
      members.push(...page.filter((one) => isFinal(one.status) && one.status !== "SUCCESS"));
    }
    return members;
  }

  /**
   * All in one change: jobs that had been let go behind the targets wait again, the targets are queued, and their
   * arrays are open. What the targets come after is read in it, so that none is judged by how that once was.
   * @param array whose jobs the targets are, where the retry is of the array.
   */
  private async queueAgain(
    targets: readonly JobRecord[],
    order: RetryOrder,
    array?: JobRecord,
  ): Promise<Requeued> {
    const nowMs = this.parts.now();
    const queued = new Set<string>();
    const left = new Set<string>();
    const ids = new Set(targets.map((job) => job.jobId));
    const arrayIds = new Set(targets.flatMap((job) => job.arrayId ?? []));
    if (array && isFinal(array.status) && array.status !== "SUCCESS") arrayIds.add(array.jobId);
    const businessId = (array ?? targets[0])?.businessId ?? "";
    const released = await this.parts.flow.releasedBehind([...ids, ...arrayIds]);
    const isAfterOthers = targets.some((job) => namedBefore(job).length > 0);
    const target = (job: JobRecord): Request => ({
      ...requestOf(job, (now, others) => {
        const next = queuedAgain(now, order, others, nowMs);
        note(queued, now.jobId, next !== undefined);
        note(left, now.jobId, next === undefined && isFinal(now.status));
        return next;
      }),
      restsOn: order === "behind" ? [] : namedBefore(job),
    });
    const opening = (jobId: string) =>
      requestOf({ jobId, businessId }, (now) => {
        const isOpened = targets.some((job) => job.arrayId === jobId && queued.has(job.jobId));
        // One whose jobs have all succeeded since it ended is not what its record says.
        return isOpened || targets.length === 0 ? reopened(now) : undefined;
      });
    const holds = released.filter((job) => !ids.has(job.jobId));
    // What was skipped comes back whatever has become of the others, which are judged when it is there.
    const isUnrelated = (!isAfterOthers || order === "behind") && holds.length + arrayIds.size === 0;
    const requests: Request[] = [
      ...holds.map((job) => requestOf(job, heldAgain)),
      ...targets.map(target),
      // Last: a store that has to part them because others are at work on them keeps the order.
      ...[...arrayIds].map(opening),
    ];
    return { changed: await this.change(requests, isUnrelated), queued, left: left.size };
  }

  private async change(requests: readonly Request[], isUnrelated = false): Promise<JobRecord[]> {
    if (requests.length === 0) return [];
    const results = await this.parts.jobs.change(requests, { unrelated: isUnrelated });
    return results.filter((job) => job !== undefined);
  }
}

function requestOf(
  { jobId, businessId }: Pick<JobRecord, "jobId" | "businessId">,
  rule: (job: JobRecord, others: ReadonlyMap<string, JobRecord>) => JobRecord | undefined,
): Request {
  return {
    key: { jobId, businessId },
    decide: (state, others) => {
      const job = state && rule(state.job, others);
      return { job, result: job };
    },
  };
}

/** A decision may be made again: what it came to the last time counts. */
function note(ids: Set<string>, jobId: string, is: boolean): void {
  if (is) ids.add(jobId);
  else ids.delete(jobId);
}

/** A job that was skipped because this one did not succeed. */
function awaitsSuccessOf(jobId: string, { manifest }: JobRecord): boolean {
  return (manifest.after ?? []).some((one) => one.jobId === jobId && one.on !== "failure");
}

/** Those that will run again; an array counts as its jobs. */
function workOf(jobs: readonly JobRecord[]): Set<string> {
  const isWork = (job: JobRecord) => job.manifest.array === undefined && job.status === "QUEUED";
  return new Set(jobs.filter(isWork).map((job) => job.jobId));
}
