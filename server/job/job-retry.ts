import { isFinal } from "../../shared/job-state.ts";
import { namedBefore } from "./flow-rules.ts";
import type { JobFlow, JobFlowParts } from "./job-flow.ts";
import type { JobRecord } from "./job-record.ts";
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
    private readonly parts: JobFlowParts,
    private readonly flow: Pick<JobFlow, "changed" | "announce" | "membersOf">,
  ) {}

  /**
   * One job, or of an array those of its jobs that are over and did not succeed. With dependents also the jobs that
   * were skipped because of it; then a job that succeeded or is not over is left as it is, if there are any.
   */
  async one(job: JobRecord, withDependents: boolean): Promise<Retried> {
    const targets = await this.targetsOf(job);
    const seeds = [job.jobId, ...targets.map((one) => one.jobId)];
    const isLeft = withDependents && job.status === "SUCCESS" && (await this.isAwaited(job));
    const changed = isLeft ? [] : (await this.queueAgain(targets, "by-hand", job)).changed;
    return this.follow(job.businessId, seeds, changed, withDependents);
  }

  /** Jobs of one business, the oldest first. */
  async many(jobs: readonly JobRecord[], withDependents: boolean): Promise<RetriedSet> {
    const done: Requeued[] = [];
    let plain: JobRecord[] = [];
    const flush = async () => {
      if (plain.length > 0) done.push(await this.queueAgain(plain, "in-set"));
      plain = [];
    };
    let arrays = 0;
    for (const job of jobs) {
      if (job.manifest.array === undefined) {
        plain.push(job);
        continue;
      }
      await flush();
      const ofArray = await this.queueAgain(await this.targetsOf(job), "in-set", job);
      if (ofArray.changed.length > 0) arrays++;
      done.push({ ...ofArray, ofArray: true });
    }
    await flush();
    const changed = done.flatMap((one) => one.changed);
    const seeds = new Set(done.flatMap((one) => [...one.queued, ...one.changed.map((job) => job.jobId)]));
    const after = await this.follow(jobs[0]?.businessId ?? "", [...seeds], changed, withDependents);
    const single = done.filter((one) => !one.ofArray);
    return {
      ...after,
      changed: arrays + single.reduce((sum, one) => sum + one.queued.size, 0),
      left: done.reduce((sum, one) => sum + one.left, 0),
    };
  }

  /** Brings back what is wanted, and does what follows from it all. */
  private async follow(
    businessId: string,
    seeds: readonly string[],
    retriedJobs: readonly JobRecord[],
    withDependents: boolean,
  ): Promise<Retried> {
    const changed = [...retriedJobs];
    const skipped = seeds.length === 0 ? [] : await this.skippedBehind(businessId, seeds);
    let back = withDependents ? skipped : [];
    // One that comes back is skipped once more where somebody looks before what it comes after is back, too.
    for (let round = 0; back.length > 0 && round < MAX_ROUNDS; round++) {
      changed.push(...(await this.bringBack(businessId, back)));
      back = await this.skippedBehind(businessId, [...seeds, ...skipped]);
    }
    await this.holdBack(changed);
    await this.flow.changed(changed);
    const isWork = (job: JobRecord) => job.manifest.array === undefined && job.status === "QUEUED";
    return {
      queuedAgain: new Set(changed.filter(isWork).map((job) => job.jobId)).size,
      skippedDependents: withDependents ? 0 : skipped.length,
    };
  }

  /** Somebody may have let a job go by how another was before it was queued again, or be about to. */
  private async holdBack(changed: readonly JobRecord[]): Promise<void> {
    if (changed.length === 0) return;
    const ids = changed.map((job) => job.jobId);
    await this.parts.flow.decideAgain(ids, ids);
    const late = await this.parts.flow.releasedBehind(ids);
    const isOpen = (job: JobRecord) => !isFinal(job.status);
    const waits: Request[] = changed
      .filter((job) => job.status === "QUEUED" && job.hold !== "after" && namedBefore(job).length > 0)
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
    const changed = results.filter((job) => job !== undefined);
    this.flow.announce(changed);
    return changed;
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
