import { ComputeError } from "../../shared/errors.ts";
import { isFinal } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { Bus } from "../bus/bus.ts";
import { RecentMap } from "../recent-map.ts";
import type { DueTimes } from "../tasks/due-times.ts";
import { applyProgress, judgeAfter, releaseHeld, skipHeld } from "./flow-rules.ts";
import type { GroupKey, JobFlowStore } from "./flow-store.ts";
import type { JobRecord, JobState } from "./job-record.ts";
import { cancelled, retried } from "./job-rules.ts";
import type { Decision, JobStore } from "./job-store.ts";

export interface JobFlowParts {
  jobs: JobStore;
  flow: JobFlowStore;
  bus: Bus;
  due: DueTimes;
  now: () => number;
  /** What follows from a change must not fail the change itself: the next look makes up for it. */
  onError(what: string, error: unknown): void;
}

type Rule = (state: JobState | undefined) => Decision<JobRecord | undefined>;

type JobKey = Pick<JobRecord, "jobId" | "businessId">;

const PAGE = 500;
/** A chain of jobs that skip one another is followed this far at once; the next look goes on. */
const MAX_ROUNDS = 1_000;

/**
 * What follows for other jobs when some have changed: those that come after them go on or are skipped, groups let
 * the next ones go, arrays end when all their jobs have.
 */
export class JobFlow {
  /** Arrays that are known to have begun: their jobs' starts mean nothing more. */
  private readonly begun = new RecentMap<true>(10_000);
  /** How far `lookThrough` has come in each list; what is undefined is begun anew. */
  private readonly lookedTo: { held?: JobRecord; group?: GroupKey; array?: JobRecord } = {};

  constructor(private readonly parts: JobFlowParts) {}

  /** Refuses jobs that come after jobs which are not there. Throws `invalid_request`. */
  async checkAfter(businessId: string, manifests: readonly Pick<JobManifest, "after">[]): Promise<void> {
    const ids = [...new Set(manifests.flatMap(({ after }) => after?.map((one) => one.jobId) ?? []))];
    if (ids.length === 0) return;
    const found = new Set((await this.parts.flow.findMany(businessId, ids)).map((job) => job.jobId));
    const missing = ids.filter((jobId) => !found.has(jobId));
    if (missing.length === 0) return;
    const errors = missing.map((jobId) => ({
      path: "after",
      message: `there is no job ${jobId} in this business`,
    }));
    throw new ComputeError("invalid_request", `There is no job ${missing[0]} to come after.`, { errors });
  }

  /** To be called with jobs as they are after a change, or after they were made. Never rejects. */
  async changed(jobs: readonly (JobRecord | undefined)[]): Promise<void> {
    try {
      let next = jobs.filter((job) => job !== undefined);
      for (let round = 0; next.length > 0 && round < MAX_ROUNDS; round++) next = await this.follow(next);
    } catch (error) {
      this.parts.onError("what follows from a change of jobs", error);
    }
  }

  /**
   * Tries an array again, and with it those of its jobs that did not succeed. All in one change: whoever looks at an
   * array of which all jobs are over ends it. Undefined where it is not over.
   */
  async retryArray({ jobId, businessId }: JobKey): Promise<JobRecord | undefined> {
    const { flow, now } = this.parts;
    const [array] = await flow.findMany(businessId, [jobId]);
    if (!array || !isFinal(array.status)) return undefined;
    this.begun.delete(jobId);
    const nowMs = now();
    const changes: { job: JobKey; rule: Rule }[] = [];
    for await (const page of this.memberPages(jobId)) {
      for (const job of page) {
        changes.push({ job, rule: (state) => change(state && retriedUnlessDone(state.job, nowMs)) });
      }
    }
    // Last: a store that has to part them because others are at work on them keeps the order.
    changes.push({ job: array, rule: (state) => change(state && retried(state.job, nowMs)) });
    const done = await this.change(changes);
    await this.changed(done);
    return done.find((job) => job.jobId === jobId);
  }

  /** Looks for what a server that died left undone; some of it each time. */
  async lookThrough(): Promise<void> {
    const { flow } = this.parts;
    const { lookedTo } = this;
    const held = await flow.heldAfter(lookedTo.held?.jobId, PAGE);
    lookedTo.held = lastOfFull(held);
    await this.changed(await this.judge(held));
    const groups = await flow.groupsWithWaiting(lookedTo.group, PAGE);
    lookedTo.group = lastOfFull(groups);
    for (const key of groups) await this.admit(key);
    const arrays = await flow.openArrays(lookedTo.array?.jobId, PAGE);
    lookedTo.array = lastOfFull(arrays);
    await this.changed(await this.progress(arrays));
  }

  /** One step: the jobs that change because these have. */
  private async follow(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const { flow } = this.parts;
    const ended = jobs.filter((job) => isFinal(job.status)).map((job) => job.jobId);
    const isNew = (job: JobRecord) => job.status === "QUEUED" && job.attempt === 0;
    const waiting = ended.length > 0 ? await flow.waitingFor(ended) : [];
    const held = jobs.filter((job) => job.hold === "after" && !isFinal(job.status));
    const displaced = await this.displace(jobs.filter((job) => isNew(job) && job.hold === "group"));
    const judged = await this.judge([...waiting, ...held]);
    for (const key of groupsOf(jobs)) await this.admit(key);
    const members = await this.cancelMembers(jobs);
    return [...displaced, ...judged, ...members, ...(await this.progress(this.arraysOf(jobs)))];
  }

  /** Of jobs that are held back for others: those that go on, and those that are skipped. */
  private async judge(held: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const changes: { job: JobRecord; rule: Rule }[] = [];
    for (const [businessId, jobs] of Map.groupBy(held, (job) => job.businessId)) {
      const ids = [...new Set(jobs.flatMap((job) => job.manifest.after?.map((one) => one.jobId) ?? []))];
      const others = await this.parts.flow.findMany(businessId, ids);
      const byId = new Map(others.map((job) => [job.jobId, job]));
      for (const job of jobs) {
        const verdict = judgeAfter(job, byId);
        if (verdict.kind === "go") changes.push({ job, rule: (state) => releaseHeld(state, nowMs) });
        if (verdict.kind === "skip") {
          changes.push({ job, rule: (state) => skipHeld(state, verdict.message, nowMs) });
        }
      }
    }
    return this.change(changes);
  }

  /** Nothing more follows from a job that goes on. */
  private async admit(key: GroupKey): Promise<void> {
    this.announce(await this.parts.flow.admit(key));
  }

  /** Jobs that take the place of the earlier ones of their group cancel those. */
  private async displace(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const changes: { job: JobRecord; rule: Rule }[] = [];
    for (const job of jobs) {
      const { concurrency } = job.manifest;
      if (!concurrency?.cancelInProgress) continue;
      const members = await this.parts.flow.groupMembers({
        businessId: job.businessId,
        group: concurrency.group,
      });
      for (const earlier of members.filter((one) => one.jobId < job.jobId)) {
        changes.push({ job: earlier, rule: (state) => change(state && cancelled(state.job, nowMs)) });
      }
    }
    return this.change(changes);
  }

  private async cancelMembers(arrays: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const rule: Rule = (state) => change(state && cancelled(state.job, nowMs));
    const done: JobRecord[] = [];
    for (const array of arrays) {
      if (array.hold !== "array" || array.cancelRequestedAtMs === undefined) continue;
      for await (const page of this.memberPages(array.jobId)) {
        done.push(...(await this.change(page.map((job) => ({ job, rule })))));
      }
    }
    return done;
  }

  private async *memberPages(arrayId: string): AsyncGenerator<JobRecord[], void, void> {
    let behind: string | undefined;
    for (;;) {
      const page = await this.parts.flow.arrayMembers(arrayId, behind, PAGE);
      yield page;
      behind = page.at(-1)?.jobId;
      if (page.length < PAGE) return;
    }
  }

  private arraysOf(jobs: readonly JobRecord[]): JobKey[] {
    const arrays = new Map<string, JobKey>();
    for (const { arrayId, businessId, status } of jobs) {
      if (arrayId === undefined) continue;
      if (isFinal(status) || (status === "RUNNING" && !this.begun.get(arrayId))) {
        arrays.set(arrayId, { jobId: arrayId, businessId });
      }
      if (status === "RUNNING") this.begun.set(arrayId, true);
    }
    return [...arrays.values()];
  }

  private async progress(arrays: readonly JobKey[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const changes: { job: JobKey; rule: Rule }[] = [];
    for (const job of arrays) {
      const progress = await this.parts.flow.arrayProgress(job.jobId);
      if (progress.size === 0) continue;
      changes.push({ job, rule: (state) => applyProgress(state, progress, nowMs) });
    }
    return this.change(changes);
  }

  private async change(changes: readonly { job: JobKey; rule: Rule }[]): Promise<JobRecord[]> {
    if (changes.length === 0) return [];
    const results = await this.parts.jobs.change(
      changes.map(({ job, rule }) => ({
        key: { jobId: job.jobId, businessId: job.businessId },
        decide: rule,
      })),
    );
    const done = results.filter((job) => job !== undefined);
    this.announce(done);
    return done;
  }

  private announce(jobs: readonly JobRecord[]): void {
    const { bus, due } = this.parts;
    for (const [businessId, changed] of Map.groupBy(jobs, (job) => job.businessId)) {
      bus.publish("jobs", { businessId, jobIds: changed.map((job) => job.jobId) });
      const nodeIds = changed.flatMap((job) => (job.cancelRequestedAtMs !== undefined && job.nodeId) || []);
      for (const nodeId of new Set(nodeIds)) bus.publish("node", { nodeId, businessId });
      bus.publish("wake", { businessId });
    }
    for (const { status, queueDeadlineMs } of jobs) {
      if (status === "QUEUED" && queueDeadlineMs !== undefined) due.expiry(queueDeadlineMs);
    }
  }
}

/** Where the next page begins; undefined behind the last one. */
function lastOfFull<Item>(page: readonly Item[]): Item | undefined {
  return page.length === PAGE ? page.at(-1) : undefined;
}

function change(job: JobRecord | undefined): Decision<JobRecord | undefined> {
  return { job, result: job };
}

function retriedUnlessDone(job: JobRecord, nowMs: number): JobRecord | undefined {
  return job.status === "SUCCESS" ? undefined : retried(job, nowMs);
}

/** The groups in which something may have become free, or somebody waits since now. */
function groupsOf(jobs: readonly JobRecord[]): GroupKey[] {
  const keys = new Map<string, GroupKey>();
  for (const { businessId, manifest, hold, status } of jobs) {
    const group = manifest.concurrency?.group;
    if (group === undefined || hold === "array") continue;
    if (isFinal(status) || hold === "group") keys.set(`${businessId}/${group}`, { businessId, group });
  }
  return [...keys.values()];
}
