import { ComputeError } from "../../shared/errors.ts";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { applyProgress, judgeAfter, namedBefore, releaseHeld, skipHeld, tally } from "./flow-rules.ts";
import type { GroupKey, JobFlowStore } from "./flow-store.ts";
import { type CanStart, displaces } from "./group-rules.ts";
import type { JobNews, NodeKey } from "./job-news.ts";
import type { JobRecord } from "./job-record.ts";
import { cancelled } from "./job-rules.ts";
import type { ChangeRequest, Decision, JobStore } from "./job-store.ts";

export interface JobFlowParts {
  jobs: JobStore;
  flow: JobFlowStore;
  news: JobNews;
  now: () => number;
  /** Which jobs of a business some node could be given; absent: all. */
  canStart?: (businessId: string) => Promise<CanStart>;
  /** What follows from a change must not fail the change itself: the next look makes up for it. */
  onError(what: string, error: unknown): void;
}

type Rule = ChangeRequest<JobRecord | undefined>["decide"];

type JobKey = Pick<JobRecord, "jobId" | "businessId">;

const PAGE = 500;
/** A chain of jobs that skip one another is followed this far at once; the next look goes on. */
const MAX_ROUNDS = 1_000;
const MAX_SKIPPED_AT_ONCE = 2_000;

/**
 * What follows for other jobs when some have changed: those that come after them go on or are skipped, groups let
 * the next ones go, arrays end when all their jobs have.
 */
export class JobFlow {
  /** Arrays that are known to have begun: their jobs' starts mean nothing more. */
  private readonly begun = new RecentMap<true>(10_000);
  /** How far `lookThrough` has come in each list; what is undefined is begun anew. */
  private readonly lookedTo: Partial<Record<"held" | "displacing" | "array", JobRecord>> & {
    group?: GroupKey;
  } = {};

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
    throw new ComputeError("invalid_request", `There is no job ${missing[0]} to run after.`, { errors });
  }

  /** Announces jobs that were just submitted, and does what follows from those that wait. Never rejects. */
  async submitted(jobs: readonly JobRecord[]): Promise<void> {
    this.parts.news.submitted(jobs);
    const held = jobs.some((job) => job.gate !== undefined);
    if (held) await this.followAll(jobs);
  }

  /**
   * Announces jobs as they are after a change, and does what follows from it for other jobs. Every change of a job
   * that is on disk comes here. Never rejects.
   * @param freed nodes that have room again because executions on them ended.
   */
  async changed(jobs: readonly (JobRecord | undefined)[], freed: readonly NodeKey[] = []): Promise<void> {
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

  /** Looks for what a server that died left undone; some of it each time. */
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

  /** Lets jobs of these groups go on, which may start by their time since now. Never rejects. */
  async admitAll(groups: readonly GroupKey[]): Promise<void> {
    try {
      // What is beyond the first page is found when everything is looked through.
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

  /** One step: the jobs that change because these have. */
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

  /** The jobs that are to be judged because these have ended. */
  private async waitingBehind(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const { flow } = this.parts;
    const ended = jobs.filter((job) => isFinal(job.status));
    const [skipped, others] = [true, false].map((is) =>
      ended.filter((job) => (job.end?.reason === "Skipped") === is).map((job) => job.jobId),
    );
    // What comes after a skipped job is most likely skipped, too: a chain of them is taken at once.
    const behind = skipped?.length ? await flow.waitingBehind(skipped, MAX_SKIPPED_AT_ONCE) : [];
    return others?.length ? [...behind, ...(await flow.waitingFor(others))] : behind;
  }

  /**
   * Of jobs that are held back for others: those that go on, and those that are skipped. The oldest first: each is
   * judged by what has just become of those before it, and none that is queued again meanwhile counts as over.
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

  /** Nothing more follows from a job that goes on. */
  private async admit(key: GroupKey): Promise<void> {
    this.parts.news.changed(await this.parts.flow.admit(key, await this.canStart(key.businessId)));
  }

  private async canStart(businessId: string): Promise<CanStart> {
    return (await this.parts.canStart?.(businessId)) ?? (() => true);
  }

  /** Jobs that take the place of the earlier ones of their group cancel those, as soon as they may start. */
  private async displace(jobs: readonly JobRecord[]): Promise<JobRecord[]> {
    const nowMs = this.parts.now();
    const changes: { job: JobRecord; rule: Rule }[] = [];
    for (const job of jobs) {
      const { businessId, manifest } = job;
      if (!manifest.concurrency?.cancelInProgress) continue;
      const members = await this.parts.flow.groupMembers({ businessId, group: manifest.concurrency.group });
      const canStart = await this.canStart(businessId);
      for (const earlier of members.filter((one) => displaces(job, one, canStart))) {
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

  private arraysOf(jobs: readonly JobRecord[]): JobKey[] {
    const arrays = new Map<string, JobKey>();
    for (const { jobId, arrayId, businessId, gate, status } of jobs) {
      // One that is open again stands as its jobs do.
      if (gate === "array" && status === "QUEUED") arrays.set(jobId, { jobId, businessId });
      if (arrayId === undefined) continue;
      if (isFinal(status) || (status === "RUNNING" && !this.begun.get(arrayId))) {
        arrays.set(arrayId, { jobId: arrayId, businessId });
      }
    }
    return [...arrays.values()];
  }

  /** @param isLook arrays that were found, not told of: whether they have begun is not known here. */
  private async progress(arrays: readonly JobKey[], isLook = false): Promise<JobRecord[]> {
    const { flow, now } = this.parts;
    const done: JobRecord[] = [];
    for (const array of arrays) {
      const { ended, running, total } = tally(await flow.arrayProgress(array.jobId));
      if (total === 0 || (ended < total && !isLook && this.begun.get(array.jobId))) continue;
      const job = await flow.settleArray(array, (one, progress) => applyProgress(one, progress, now()));
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

/** Where the next page begins; undefined behind the last one. */
function lastOfFull<Item>(page: readonly Item[]): Item | undefined {
  return page.length === PAGE ? page.at(-1) : undefined;
}

function change(job: JobRecord | undefined): Decision<JobRecord | undefined> {
  return { job, result: job };
}

/** The groups in which something may have become free, or somebody waits since now. */
function groupsOf(jobs: readonly JobRecord[]): GroupKey[] {
  const keys = new Map<string, GroupKey>();
  for (const { businessId, manifest, gate, status } of jobs) {
    const group = manifest.concurrency?.group;
    if (group === undefined || gate === "array") continue;
    if (isFinal(status) || gate === "group") keys.set(`${businessId}/${group}`, { businessId, group });
  }
  return [...keys.values()];
}
