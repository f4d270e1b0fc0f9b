import type { ClientSession, Collection } from "mongodb";
import { letOthersGo } from "../../shared/wait.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import { ContentionError, isContention, type MongoStore, outlastOthers } from "../store/mongo.ts";
import {
  type Draft,
  DraftReader,
  type Drafts,
  newStamp,
  type Outcome,
  type Request,
  stampedBy,
  writeOfDraft,
} from "./drafts.mongo.ts";
import { ExecutionCopies } from "./execution-copies.mongo.ts";
import { type JobDocument, jobUpdate } from "./job-documents.mongo.ts";
import type { RecentJobs } from "./recent-jobs.mongo.ts";
import { updateOfMany } from "./update-of-many.mongo.ts";

type Call = Waiting<readonly Request[], unknown[]>;

const CALLS_PER_BATCH = 200;
const REQUESTS_PER_BATCH = 400;

/**
 * `JobStore.change` on MongoDB: reads the records, lets the requests decide, and writes with the versions that were read. A
 * job and its run are one document (see `RunFields`), so the write of one request is one update.
 *
 * - Requests on their own, and `unrelated` ones, need not be written together (`each`). All that arrive at the same time
 *   are one read and one bulk of updates. Those that another writer has beaten read and decide again.
 * - The requests of one call are otherwise written in one transaction (`together`), with the calls that arrive at the same
 *   time. If another writer was faster on one of the records, nothing of the transaction is applied. Then the batch is
 *   halved, and its halves again, until the call in conflict is on its own; that call's requests are halved in the same
 *   way (`apart`). Only the request that is left reads and decides again until it succeeds (`outlastOthers`).
 * - `changeEach` is faster for many requests that rest on other jobs: it does without a transaction, and undoes its writes
 *   where that turns out to be wrong.
 */
export class JobChanges {
  private readonly singles = new Batches<Request, unknown>((batch) => this.runSingles(batch), {
    maxItems: REQUESTS_PER_BATCH,
    maxInFlight: 2,
  });
  private readonly together = new Batches<readonly Request[], unknown[]>((calls) => this.run(calls), {
    maxItems: CALLS_PER_BATCH,
    maxInFlight: 2,
  });
  private readonly jobs: Collection<JobDocument>;
  private readonly reader: DraftReader;
  private readonly copies: ExecutionCopies;

  constructor(
    private readonly store: MongoStore,
    private readonly recent: RecentJobs,
  ) {
    this.jobs = store.collection("compute_jobs");
    this.reader = new DraftReader(store, recent);
    this.copies = new ExecutionCopies(store);
  }

  async change(requests: readonly Request[]): Promise<unknown[]> {
    return requests.length <= 1 ? this.each(requests) : this.together.add(requests);
  }

  /**
   * Changes jobs that need not be written together. Jobs that another writer changed meanwhile are decided again, together
   * with the jobs that rest on them, whose writes are undone first. But a job that goes on because of what has just become
   * of another could be taken by a node before it is undone. If there is such a job, everything is written with `change`.
   */
  async changeEach(requests: readonly Request[]): Promise<unknown[]> {
    if (requests.every(({ restsOn = [] }) => restsOn.length === 0)) return this.each(requests);
    const drafts = await this.store.attempt(() => this.reader.read(requests));
    const outcomes = requests.map((request) => drafts.decide(request));
    const failed = outcomes.find((outcome) => !outcome.ok);
    if (failed) throw failed.error;
    const changesRuns = drafts.changed.some(({ isRunChanged }) => isRunChanged);
    if (changesRuns || requests.some((request) => drafts.goesOnBecauseOfOthers(request))) {
      return this.change(requests);
    }
    const stamp = newStamp();
    const missed = await this.store.attempt(() => this.writeEach(drafts, stamp));
    const jobIdOf = (request: Request) => drafts.jobIdOf(request) ?? "";
    const open = new Set(missed);
    if (missed.size > 0) {
      for (const request of requests) {
        if (request.restsOn?.some((jobId) => open.has(jobId))) open.add(jobIdOf(request));
      }
      await this.store.attempt(() => this.undo(drafts, open.difference(missed), stamp));
    }
    const isMissed = (request: Request) => open.has(jobIdOf(request));
    const again = (await this.change(requests.filter(isMissed))).values();
    return requests.map((request, i) => {
      const outcome = outcomes[i];
      return isMissed(request) ? again.next().value : outcome?.ok && outcome.value;
    });
  }

  /** In order, and each on its own. */
  private each(requests: readonly Request[]): Promise<unknown[]> {
    return Promise.all(requests.map((request) => this.singles.add(request)));
  }

  private async runSingles(batch: readonly Waiting<Request, unknown>[]): Promise<void> {
    let open = batch;
    let isFirst = true;
    const changeOpen = async (): Promise<void> => {
      const requests = open.map(({ item }) => item);
      const drafts = await (isFirst ? this.reader.recall(requests) : this.reader.read(requests));
      const mayRepeatAtOnce = isFirst;
      isFirst = false;
      const outcomes = requests.map((request) => drafts.decide(request));
      const missed = await this.writeSingles(drafts);
      open = open.filter((one, i) => {
        if (missed.has(drafts.jobIdOf(one.item) ?? "") || drafts.isInDoubt(one.item)) return true;
        const outcome = outcomes[i];
        if (outcome?.ok) one.resolve(outcome.value);
        else one.reject(outcome?.error);
        return false;
      });
      if (open.length > 0 && mayRepeatAtOnce) return changeOpen();
      if (open.length > 0) throw new ContentionError("A job changed in between.");
    };
    await this.store.attempt(() => outlastOthers(changeOpen));
  }

  /** Writes what was decided. Resolves with the jobs that another writer has changed since they were read. */
  private async writeSingles(drafts: Drafts): Promise<Set<string>> {
    const { changed } = drafts;
    if (changed.length === 0) return new Set();
    const stamp = newStamp();
    const writes = changed.map((draft) => writeOfDraft(draft, stamp));
    const { matchedCount } = await this.jobs.bulkWrite(writes, { ordered: false });
    const ids = changed.map(({ jobId }) => jobId);
    const missed = matchedCount === ids.length ? new Set<string>() : await this.missedOf(ids, stamp);
    const written = changed.filter(({ jobId }) => !missed.has(jobId));
    for (const { job, run, readVersion } of written)
      this.recent.remember({ job, run, version: readVersion + 1 });
    for (const jobId of missed) this.recent.forget(jobId);
    await this.copies.afterChange(written);
    return missed;
  }

  private async missedOf(ids: readonly string[], stamp: string): Promise<Set<string>> {
    const written = this.jobs.find({ _id: { $in: [...ids] }, written_by: stamp });
    const found = new Set(await written.map((document) => document.job_id).toArray());
    return new Set(ids.filter((id) => !found.has(id)));
  }

  /** Writes what was decided. Resolves with the jobs that another writer has changed since they were read. */
  private async writeEach(drafts: Drafts, stamp: string): Promise<Set<string>> {
    const missed = new Set<string>();
    for (const { ids, version, update } of alike(drafts.changed)) {
      const stamped = [...update, stampedBy(stamp)];
      const { matchedCount } = await this.jobs.updateMany({ _id: { $in: ids }, version }, stamped);
      if (matchedCount === ids.length) continue;
      for (const id of await this.missedOf(ids, stamp)) missed.add(id);
    }
    return missed;
  }

  /** Writes the jobs back as they were read, except those that another writer has changed since. */
  private async undo(drafts: Drafts, jobIds: ReadonlySet<string>, stamp: string): Promise<void> {
    const writes = drafts.changed.flatMap(({ jobId, readVersion, readAs }) => {
      if (!jobIds.has(jobId)) return [];
      const filter = { _id: jobId, version: readVersion + 1, written_by: stamp };
      return [{ updateOne: { filter, update: jobUpdate(readAs) } }];
    });
    if (writes.length > 0) await this.jobs.bulkWrite(writes, { ordered: false });
  }

  private async run(calls: readonly Call[]): Promise<void> {
    const [first] = calls;
    try {
      const outcomes = await this.store.attempt(() => this.tryOnce(calls.flatMap((call) => call.item)));
      settle(calls, outcomes);
    } catch (error) {
      if (!isContention((error as Error).cause)) throw error;
      if (calls.length === 1 && first) return settle([first], await this.apart(first.item));
      const middle = Math.ceil(calls.length / 2);
      await Promise.all([this.runPart(calls.slice(0, middle)), this.runPart(calls.slice(middle))]);
    }
  }

  /** The same, but a failure rejects only these calls. */
  private async runPart(calls: readonly Call[]): Promise<void> {
    try {
      await this.run(calls);
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }

  /** Writes the requests of one call in halves, and halves again those that conflict, down to a single request. */
  private async apart(requests: readonly Request[]): Promise<Outcome[]> {
    const [only] = requests;
    if (only && requests.length === 1) {
      return this.store.attempt(() => outlastOthers(() => this.tryOnce([only])));
    }
    const middle = Math.ceil(requests.length / 2);
    const outcomes: Outcome[] = [];
    for (const half of [requests.slice(0, middle), requests.slice(middle)]) {
      outcomes.push(...(await this.inOneWrite(half)));
    }
    return outcomes;
  }

  private async inOneWrite(requests: readonly Request[]): Promise<Outcome[]> {
    try {
      return await this.store.attempt(() => this.tryOnce(requests));
    } catch (error) {
      if (!isContention((error as Error).cause)) throw error;
      await letOthersGo();
      return this.apart(requests);
    }
  }

  /** Throws a ContentionError, with nothing applied, if one of the records changed in between. */
  private async tryOnce(requests: readonly Request[]): Promise<Outcome[]> {
    const drafts = await this.reader.read(requests);
    const outcomes = requests.map((request) => drafts.decide(request));
    const { changed } = drafts;
    if (changed.length === 1) await this.writeTogether(changed);
    else if (changed.length > 1)
      await this.store.transaction((session) => this.writeTogether(changed, session));
    await this.copies.afterChange(drafts.changed);
    return outcomes;
  }

  private async writeTogether(drafts: readonly Draft[], session?: ClientSession): Promise<void> {
    const stamp = newStamp();
    const [own, many] = split(drafts);
    const writes = [
      ...own.map((draft) => writeOfDraft(draft, stamp)),
      ...alike(many).map(({ ids, version, update }) => ({
        updateMany: { filter: { _id: { $in: ids }, version }, update },
      })),
    ];
    const { matchedCount } = await this.jobs.bulkWrite(writes, { session });
    if (matchedCount !== drafts.length) throw new ContentionError("A job changed in between.");
  }
}

/** Below this, looking for changes that are alike costs more than it saves. */
const MANY = 16;

/** Those that are written one by one, and those among which some may be alike. */
function split(drafts: readonly Draft[]): [readonly Draft[], readonly Draft[]] {
  if (drafts.length < MANY) return [drafts, []];
  return [drafts.filter((draft) => draft.isRunChanged), drafts.filter((draft) => !draft.isRunChanged)];
}

/** Jobs that were read with the same version and change in the same way. */
interface Alike {
  ids: string[];
  version: number;
  update: ReturnType<typeof updateOfMany>;
}

/** Groups changes that are alike: a thousand jobs that are cancelled together are one write, not a thousand. */
function alike(drafts: readonly Draft[]): Alike[] {
  const groups = new Map<string, Alike>();
  for (const { jobId, job, readVersion } of drafts) {
    const update = updateOfMany(job);
    const name = `${readVersion} ${JSON.stringify(update)}`;
    const group = groups.get(name);
    if (group) group.ids.push(jobId);
    else groups.set(name, { ids: [jobId], version: readVersion, update });
  }
  return [...groups.values()];
}

/** Answers each call with its own outcomes. A call with outcomes that threw is rejected with the first error. */
function settle(calls: readonly Call[], outcomes: readonly Outcome[]): void {
  let start = 0;
  for (const call of calls) {
    const own = outcomes.slice(start, start + call.item.length);
    start += call.item.length;
    const failed = own.find((outcome) => !outcome.ok);
    if (failed) call.reject(failed.error);
    else call.resolve(own.map((outcome) => (outcome.ok ? outcome.value : undefined)));
  }
}
