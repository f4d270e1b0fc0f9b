import { isFinal } from "../../shared/job-state.ts";
import { namedBefore } from "./flow-rules.ts";
import type { JobFlow, JobFlowParts } from "./job-flow.ts";
import type { JobRecord } from "./job-record.ts";
import { CHANGED_AT_ONCE } from "./job-slices.ts";
import type { ChangeRequest } from "./job-store.ts";
import { heldAgain, queuedAgain, type RetryOrder, reopened } from "./manual-retry-rules.ts";

/** The result of a retry. */
export interface Retried {
  /** How many jobs are queued again. Of an array, its jobs are counted. */
  queuedAgain: number;
  /** How many jobs were skipped because of these, directly or through others, and stay skipped. */
  skippedDependents: number;
}

/** The result of retrying many jobs together. */
export interface RetriedSet extends Retried {
  /** How many targets are queued again. An array counts as one. */
  changed: number;
  /** How many jobs must not run: a job that they come after did not end as it must, and is not retried. */
  left: number;
}

/** What one change did with its targets. */
interface Requeued {
  changed: JobRecord[];
  queued: Set<string>;
  left: number;
  ofArray?: boolean;
}

/** The execution of which only the failed jobs run again; undefined: all of them run. */
export type RerunOf = (job: JobRecord) => string | undefined;

type Request = ChangeRequest<JobRecord | undefined>;

const AT_ONCE = 1_000;
const MAX_BEHIND = 100_000;
const MAX_ROUNDS = 3;

/**
 * Queues finished jobs again when a person asks for it. (Whether a failed job is tried again by itself is decided in
 * `retry-decision.ts`.)
 *
 * Jobs that come after others make this hard. A retry has three steps:
 *
 * 1. `queueAgain` queues the targets, each waiting for those of the others that it comes after. The same write makes jobs
 *    wait again that were let go because a target had ended, and reopens the targets' arrays.
 * 2. `settle` corrects what other servers did meanwhile because they still saw the targets as over (`holdBack`), then
 *    announces the changes.
 * 3. `bringBackBehind` deals with jobs that were skipped because of the targets: it queues them again if the caller asked
 *    for dependents, and otherwise counts them.
 */
export class ManualRetry {
  constructor(
    private readonly parts: Pick<JobFlowParts, "jobs" | "flow" | "now">,
    private readonly flow: Pick<JobFlow, "changed" | "membersOf">,
  ) {}

  /**
   * Retries one job; of an array, those of its jobs that are over and did not succeed. With dependents, also the jobs that
   * were skipped because of it. If such jobs wait for its success, a job that has already succeeded is not run again.
   */
  async one(job: JobRecord, withDependents: boolean, rerunOf?: RerunOf): Promise<Retried> {
    const isLeft = withDependents && job.status === "SUCCESS" && (await this.isAwaited(job));
    const done = isLeft ? undefined : await this.queueMembers(job, "by-hand", rerunOf);
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

  /** Retries jobs of one business, the oldest first: each slice is queued again before the next one is read. */
  async many(
    businessId: string,
    slices: AsyncIterable<readonly JobRecord[]>,
    withDependents: boolean,
  ): Promise<RetriedSet> {
    const seeds = new Set<string>();
    const again = new Set<string>();
    const sum = { changed: 0, left: 0 };
    for await (const jobs of slices) {
      const changes = await this.slice(jobs);
      const changed = changes.flatMap((change) => change.changed);
      await this.settle(changed);
      for (const job of changed) seeds.add(job.jobId);
      for (const jobId of workOf(changed)) again.add(jobId);
      for (const change of changes) {
        for (const jobId of change.queued) seeds.add(jobId);
        sum.left += change.left;
        sum.changed += change.ofArray ? Math.min(1, change.changed.length) : change.queued.size;
      }
    }
    // After the last slice, because a job that was skipped because of one target may itself be a target.
    const { queuedIds, skippedDependents } = await this.bringBackBehind(
      businessId,
      [...seeds],
      withDependents,
    );
    return { ...sum, skippedDependents, queuedAgain: again.union(queuedIds).size };
  }

  /** Queues a slice again: arrays one by one, and the jobs between them together. */
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

  /** Queues the job, or those jobs of an array that are over and did not succeed, a few in each change. */
  private async queueMembers(array: JobRecord, order: RetryOrder, rerunOf?: RerunOf): Promise<Requeued> {
    const targets = await this.targetsOf(array);
    const sum: Requeued = { changed: [], queued: new Set(), left: 0 };
    for (let i = 0; i === 0 || i < targets.length; i += CHANGED_AT_ONCE) {
      const slice = targets.slice(i, i + CHANGED_AT_ONCE);
      const done = await this.queueAgain(slice, order, array, rerunOf);
      sum.changed.push(...done.changed);
      for (const jobId of done.queued) sum.queued.add(jobId);
      sum.left += done.left;
    }
    return sum;
  }

  /** Queues the jobs again that were skipped because of `seeds`, or counts them. */
  private async bringBackBehind(
    businessId: string,
    seeds: readonly string[],
    withDependents: boolean,
  ): Promise<{ queuedIds: Set<string>; skippedDependents: number }> {
    const changed: JobRecord[] = [];
    const skipped = seeds.length === 0 ? [] : await this.skippedBehind(businessId, seeds);
    let back = withDependents ? skipped : [];
    // A job that comes back is skipped once more if a server looks at it before the jobs that it comes after are back.
    for (let round = 0; back.length > 0 && round < MAX_ROUNDS; round++) {
      changed.push(...(await this.bringBack(businessId, back)));
      back = await this.skippedBehind(businessId, [...seeds, ...skipped]);
    }
    await this.settle(changed);
    return { queuedIds: workOf(changed), skippedDependents: withDependents ? 0 : skipped.length };
  }

  /** Completes a change: holds back what must wait, and announces the jobs. */
  private async settle(changed: readonly JobRecord[]): Promise<void> {
    await this.holdBack(changed);
    await this.flow.changed(changed);
  }

  /** Another server may have let a job go because it still saw one of these jobs as over, or may be about to do so. */
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

  /**
   * Queues skipped jobs again, the oldest first. So no job comes back before the jobs that it comes after, which would get
   * it skipped again.
   */
  private async bringBack(businessId: string, jobIds: readonly string[]): Promise<JobRecord[]> {
    const changed: JobRecord[] = [];
    for (let i = 0; i < jobIds.length; i += AT_ONCE) {
      const jobs = await this.parts.flow.findMany(businessId, jobIds.slice(i, i + AT_ONCE));
      const skipped = jobs.filter((job) => job.end?.reason === "Skipped");
      changed.push(...(await this.queueAgain(skipped, "behind")).changed);
    }
    return changed;
  }

  /** Whether jobs were skipped that only need this job to have succeeded. */
  private async isAwaited({ jobId, businessId }: JobRecord): Promise<boolean> {
    const behind = await this.skippedBehind(businessId, [jobId]);
    const jobs = await this.parts.flow.findMany(businessId, behind.slice(0, AT_ONCE));
    return jobs.some((job) => awaitsSuccessOf(jobId, job));
  }

  private skippedBehind(businessId: string, seeds: readonly string[]): Promise<string[]> {
    return this.parts.flow.skippedBehind(businessId, seeds, MAX_BEHIND);
  }

  /** The job itself, or those jobs of an array that are over and did not succeed. */
  private async targetsOf(job: JobRecord): Promise<JobRecord[]> {
    if (job.manifest.array === undefined) return [job];
    const members: JobRecord[] = [];
    for await (const page of this.flow.membersOf(job.jobId)) {
      members.push(...page.filter((member) => isFinal(member.status) && member.status !== "SUCCESS"));
    }
    return members;
  }

  /**
   * Does three things in one change: jobs that were let go because a target had ended wait again, the targets are queued,
   * and their arrays are reopened. The jobs that the targets come after are read in the same change, so their status is
   * current.
   * @param array the array that is retried, if the targets are its jobs.
   */
  private async queueAgain(
    targets: readonly JobRecord[],
    order: RetryOrder,
    array?: JobRecord,
    rerunOf: RerunOf = () => undefined,
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
        const next = queuedAgain(now, order, others, nowMs, rerunOf(now));
        note(queued, now.jobId, next !== undefined);
        note(left, now.jobId, next === undefined && isFinal(now.status));
        return next;
      }),
      restsOn: order === "behind" ? [] : namedBefore(job),
    });
    const opening = (jobId: string) =>
      requestOf({ jobId, businessId }, (now) => {
        const isOpened = targets.some((job) => job.arrayId === jobId && queued.has(job.jobId));
        // If all its jobs have succeeded since the array ended, its record is out of date: it is settled again.
        return isOpened || targets.length === 0 ? reopened(now) : undefined;
      });
    const holds = released.filter((job) => !ids.has(job.jobId));
    // A skipped job comes back regardless of the jobs it comes after: it is judged once it is back.
    const isUnrelated = (!isAfterOthers || order === "behind") && holds.length + arrayIds.size === 0;
    const requests: Request[] = [
      ...holds.map((job) => requestOf(job, heldAgain)),
      ...targets.map(target),
      // Last, because a store that has to split the change keeps this order.
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

/** Adds or removes the id. A decision may be made several times, and only its last result counts. */
function note(ids: Set<string>, jobId: string, is: boolean): void {
  if (is) ids.add(jobId);
  else ids.delete(jobId);
}

/** Whether the job could go on if job `jobId` succeeded. */
function awaitsSuccessOf(jobId: string, { manifest }: JobRecord): boolean {
  return (manifest.after ?? []).some((other) => other.jobId === jobId && other.on !== "failure");
}

/** Ids of the jobs that will run again. Arrays are left out, because only their jobs run. */
function workOf(jobs: readonly JobRecord[]): Set<string> {
  const isWork = (job: JobRecord) => job.manifest.array === undefined && job.status === "QUEUED";
  return new Set(jobs.filter(isWork).map((job) => job.jobId));
}
