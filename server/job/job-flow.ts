import { ComputeError } from "../../shared/errors.ts";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { applyProgress, judgeAfter, namedBefore, releaseHeld, skipHeld, tally } from "./flow-rules.ts";
import type { GroupKey, JobFlowStore } from "./flow-store.ts";
import { type CanStart, displaces } from "./group-rules.ts";
import type { FreedNode, JobNews } from "./job-news.ts";
import type { JobRecord } from "./job-record.ts";
import { cancelled } from "./job-rules.ts";
import { type FieldPrefix, othersOf, problemsOfOthers } from "./job-sources.ts";
import type { ChangeRequest, Decision, JobStore } from "./job-store.ts";

export interface JobFlowParts {
  jobs: JobStore;
  flow: JobFlowStore;
  news: JobNews;
  now: () => number;
  /** Says which jobs of a business a node could run. Absent: all. */
  canStart?: (businessId: string) => Promise<CanStart>;
  /** Gets errors of what follows from a change. They must not fail the change itself; `lookThrough` makes up for them. */
  onError(what: string, error: unknown): void;
}

type Rule = ChangeRequest<JobRecord | undefined>["decide"];

type JobKey = Pick<JobRecord, "jobId" | "businessId">;

const PAGE = 500;
/** A chain of skipped jobs is followed this far. `lookThrough` continues. */
const MAX_ROUNDS = 1_000;
const MAX_SKIPPED_AT_ONCE = 2_000;

/**
 * What follows for other jobs when jobs change.
 *
 * A queued job may have a gate, which keeps it from being handed out. This class opens the gates:
 *
 * - `after`: when a job ends, the jobs that come after it are judged (`judge`). Each goes on, is skipped, or waits for
 *   another job. A skipped job is over too, so the jobs after it are judged next, and so on down the chain.
 * - `group`: when a job of a concurrency group ends or begins to wait, free places go to the next jobs that can start
 *   (`admit`). A new job with cancelInProgress cancels the earlier jobs of its group first (`displace`).
 * - `array`: an array never runs. It is RUNNING from the start of its first job to the end of its last one (`progress`),
 *   and cancelling it cancels its jobs (`cancelMembers`).
 *
 * Everyone who has changed jobs calls `changed` once the change is on disk. It announces the jobs, then does what follows
 * for others, round after round, until nothing more changes. If the server dies before that, `lookThrough` makes up for
 * it: every few seconds it reads a page of each kind of gated jobs and does what is left to do. Two servers may do this at
 * the same time, because every change is decided from what is stored.
 */
export class JobFlow {
  /** Arrays that are known to have begun. Further jobs that start do not change them. */
  private readonly begun = new RecentMap<true>(10_000);
  /** How far `lookThrough` has come in each list. Undefined: it starts from the beginning. */
  private readonly lookedTo: Partial<Record<"held" | "displacing" | "array", JobRecord>> & {
    group?: GroupKey;
  } = {};

  constructor(private readonly parts: JobFlowParts) {}

  /**
   * Resolves with the jobs that the manifests name. Throws `invalid_request` if the business does not have one of them, or
   * if one has no outputs or results that a job takes.
   */
  async checkOthers(
    businessId: string,
    manifests: readonly JobManifest[],
    at: FieldPrefix,
  ): Promise<ReadonlyMap<string, JobRecord>> {
    const ids = [...new Set(manifests.flatMap(othersOf))];
    if (ids.length === 0) return new Map();
    const found = await this.parts.flow.findMany(businessId, ids);
    const others = new Map(found.map((job) => [job.jobId, job]));
    const errors = manifests.flatMap((manifest, i) =>
      problemsOfOthers(manifest, others).map(({ path, message }) => ({ path: `${at(i)}${path}`, message })),
    );
    const [first] = errors;
    if (!first) return others;
    throw new ComputeError("invalid_request", `The job cannot be submitted: ${first.message}.`, { errors });
  }

  /** Announces jobs that were just submitted, and does what follows if any of them has a gate. Never rejects. */
  async submitted(jobs: readonly JobRecord[]): Promise<void> {
    this.parts.news.submitted(jobs);
    const hasGate = jobs.some((job) => job.gate !== undefined);
    if (hasGate) await this.followAll(jobs);
  }

  /**
   * Announces jobs as they are after a change, and does what follows for other jobs. Must be called after every change of
   * a job, once it is on disk. Never rejects.
   */
  async changed(jobs: readonly (JobRecord | undefined)[], freed: readonly FreedNode[] = []): Promise<void> {
    const changed = jobs.filter((job) => job !== undefined);
    this.parts.news.changed(changed, freed);
    await this.followAll(changed);
  }

  private async followAll(jobs: readonly JobRecord[]): Promise<void> {
    try {
      let next = [...jobs];
      for (let round = 0; next.length > 0 && round < MAX_ROUNDS; round++) next = await this.follow(next);
    } catch (error) {
      this.parts.onError("what follows from a change of jobs", error);
    }
  }

  /** How many jobs of an array are in each status. */
  arrayProgress(arrayId: string): Promise<ReadonlyMap<JobStatus, number>> {
    return this.parts.flow.arrayProgress(arrayId);
  }

  /** Does what a server that died left undone: each call looks at one page of each list. */
  async lookThrough(): Promise<void> {
    const { flow } = this.parts;
    const { lookedTo } = this;
    const held = await flow.heldAfter(lookedTo.held?.jobId, PAGE);
    lookedTo.held = lastOfFull(held);
    await this.followAll(await this.judge(held));
    const displacing = await flow.displacing(lookedTo.displacing?.jobId, PAGE);
    lookedTo.displacing = lastOfFull(displacing);
    await this.followAll(await this.displace(displacing));
    const groups = await flow.groupsWithWaiting(lookedTo.group, PAGE);
    lookedTo.group = lastOfFull(groups);
    for (const key of groups) await this.admit(key);
    const arrays = await flow.openArrays(lookedTo.array?.jobId, PAGE);
    lookedTo.array = lastOfFull(arrays);
    await this.followAll(await this.progress(arrays, true));
  }

  /** Does what follows for these groups, in which jobs have reached their start time. Never rejects. */
  async admitAll(groups: readonly GroupKey[]): Promise<void> {
    try {
      // `lookThrough` finds what is beyond the first page.
      if (groups.length > 0) {
        const isOfThese = ({ businessId, manifest }: JobRecord) =>
          groups.some((key) => key.businessId === businessId && key.group === manifest.concurrency?.group);
        const displacing = await this.parts.flow.displacing(undefined, PAGE);
        await this.followAll(await this.displace(displacing.filter(isOfThese)));
      }
      for (const key of groups) await this.admit(key);
    } catch (error) {
      this.parts.onError("the turn of a concurrency group", error);
    }
  }

  /** One round: changes the jobs that follow from these, and resolves with them. */
  private async follow(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const ended = jobs.filter((job) => isFinal(job.status)).map((job) => job.jobId);
    const isNew = (job: JobRecord) => job.status === "QUEUED" && job.attempt === 0;
    const waiting = ended.length > 0 ? await this.waitingBehind(jobs) : [];
    for (const job of jobs) if (job.gate === "array" && job.status === "QUEUED") this.begun.delete(job.jobId);
    const held = jobs.filter((job) => job.gate === "after" && !isFinal(job.status));
    const displaced = await this.displace(jobs.filter((job) => isNew(job) && job.gate === "group"));
    const judged = await this.judge([...waiting, ...held]);
    for (const key of groupsOf(jobs)) await this.admit(key);
    const members = await this.cancelMembers(jobs);
    return [...displaced, ...judged, ...members, ...(await this.progress(this.arraysOf(jobs)))];
  }

  /** The jobs that must be judged because these have ended. */
  private async waitingBehind(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const { flow } = this.parts;
    const ended = jobs.filter((job) => isFinal(job.status));
    const isSkipped = (job: JobRecord) => job.end?.reason === "Skipped";
    const skipped = ended.filter(isSkipped).map((job) => job.jobId);
    const others = ended.filter((job) => !isSkipped(job)).map((job) => job.jobId);
    // A job that comes after a skipped job is most likely skipped too, so the whole chain is read together.
    const chained = skipped.length > 0 ? await flow.waitingBehind(skipped, MAX_SKIPPED_AT_ONCE) : [];
    return others.length > 0 ? [...chained, ...(await flow.waitingFor(others))] : chained;
  }

  /**
   * Lets jobs behind the gate `after` go on or skips them, and resolves with those that changed. It goes from the oldest to
   * the newest, so each is judged by what has just become of those before it. A job that is queued again meanwhile does not
   * count as over.
   */
  private judge(held: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const rule: Rule = (state, others) => {
      const verdict = state && judgeAfter(state.job, others);
      if (verdict?.kind === "go") return releaseHeld(state, nowMs);
      return verdict?.kind === "skip" ? skipHeld(state, verdict.message, nowMs) : { result: undefined };
    };
    const waiting = [...new Map(held.map((job) => [job.jobId, job])).values()];
    waiting.sort((a, b) => (a.jobId < b.jobId ? -1 : 1));
    return this.change(
      waiting.map((job) => ({ job, rule, restsOn: namedBefore(job) })),
      waiting.length > 1,
    );
  }

  /** Lets jobs of the group go. Nothing more follows from that for other jobs. */
  private async admit(key: GroupKey): Promise<void> {
    this.parts.news.changed(await this.parts.flow.admit(key, await this.canStart(key.businessId)));
  }

  private async canStart(businessId: string): Promise<CanStart> {
    return (await this.parts.canStart?.(businessId)) ?? (() => true);
  }

  /** Cancels the earlier jobs of the group of each job with cancelInProgress. */
  private async displace(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const changes: { job: JobRecord; rule: Rule }[] = [];
    for (const job of jobs) {
      const { businessId, manifest } = job;
      if (!manifest.concurrency?.cancelInProgress) continue;
      const members = await this.parts.flow.groupMembers({ businessId, group: manifest.concurrency.group });
      const canStart = await this.canStart(businessId);
      for (const earlier of members.filter((member) => displaces(job, member, canStart))) {
        changes.push({ job: earlier, rule: (state) => change(state && cancelled(state.job, nowMs)) });
      }
    }
    return this.change(changes);
  }

  /** Cancels the jobs of cancelled arrays. */
  private async cancelMembers(arrays: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const rule: Rule = (state) => change(state && cancelled(state.job, nowMs));
    const done: JobRecord[] = [];
    for (const array of arrays) {
      if (array.gate !== "array" || array.cancelRequestedAtMs === undefined) continue;
      for await (const page of this.membersOf(array.jobId)) {
        done.push(...(await this.change(page.map((job) => ({ job, rule })))));
      }
    }
    return done;
  }

  /** The jobs of an array, page by page. */
  async *membersOf(arrayId: string): AsyncGenerator<JobRecord[], void, void> {
    let behind: string | undefined;
    for (;;) {
      const page = await this.parts.flow.arrayMembers(arrayId, behind, PAGE);
      yield page;
      behind = page.at(-1)?.jobId;
      if (page.length < PAGE) return;
    }
  }

  /** The arrays whose status may change because these jobs have changed. */
  private arraysOf(jobs: readonly JobRecord[]): JobKey[] {
    const arrays = new Map<string, JobKey>();
    for (const { jobId, arrayId, businessId, gate, status } of jobs) {
      // An array that was reopened takes its status from its jobs again.
      if (gate === "array" && status === "QUEUED") arrays.set(jobId, { jobId, businessId });
      if (arrayId === undefined) continue;
      if (isFinal(status) || (status === "RUNNING" && !this.begun.get(arrayId))) {
        arrays.set(arrayId, { jobId: arrayId, businessId });
      }
    }
    return [...arrays.values()];
  }

  /**
   * Updates the status of arrays from their jobs.
   * @param mayHaveMissed the arrays come from a look through the store, so `begun` may not hold for them.
   */
  private async progress(arrays: readonly JobKey[], mayHaveMissed = false): Promise<JobRecord[]> {
    const { flow, now } = this.parts;
    const done: JobRecord[] = [];
    for (const array of arrays) {
      const { ended, running, total } = tally(await flow.arrayProgress(array.jobId));
      if (total === 0 || (ended < total && !mayHaveMissed && this.begun.get(array.jobId))) continue;
      const job = await flow.settleArray(array, (stored, progress) => applyProgress(stored, progress, now()));
      if (ended < total && ended + running > 0) this.begun.set(array.jobId, true);
      if (job) done.push(job);
    }
    this.parts.news.changed(done);
    return done;
  }

  private async change(
    changes: readonly { job: JobKey; rule: Rule; restsOn?: string[] }[],
    unrelated = false,
  ): Promise<JobRecord[]> {
    if (changes.length === 0) return [];
    const results = await this.parts.jobs.change(
      changes.map(({ job: { jobId, businessId }, rule, restsOn }) => ({
        key: { jobId, businessId },
        restsOn,
        decide: rule,
      })),
      { unrelated },
    );
    const done = results.filter((job) => job !== undefined);
    this.parts.news.changed(done);
    return done;
  }
}

/** The item after which the next page begins; undefined if this was the last page. */
function lastOfFull<Item>(page: readonly Item[]): Item | undefined {
  return page.length === PAGE ? page.at(-1) : undefined;
}

function change(job: JobRecord | undefined): Decision<JobRecord | undefined> {
  return { job, result: job };
}

/** The groups in which a place may have become free or a job may have begun to wait. */
function groupsOf(jobs: readonly JobRecord[]): GroupKey[] {
  const keys = new Map<string, GroupKey>();
  for (const { businessId, manifest, gate, status } of jobs) {
    const group = manifest.concurrency?.group;
    if (group === undefined || gate === "array") continue;
    if (isFinal(status) || gate === "group") keys.set(`${businessId}/${group}`, { businessId, group });
  }
  return [...keys.values()];
}
