import type { Collection, FindOptions } from "mongodb";
import { ImpossibleTransitionError, isFinal } from "../../shared/job-state.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import {
  ContentionError,
  isContention,
  letOthersGo,
  type MongoStore,
  outlastOthers,
} from "../store/mongo.ts";
import {
  type ExecutionDocument,
  executionFromDocument,
  executionUpdate,
  type JobDocument,
  jobFromDocument,
  jobUpdate,
} from "./job-documents.mongo.ts";
import type { ExecutionRecord, JobRecord, JobState } from "./job-record.ts";
import type { ChangeRequest } from "./job-store.ts";
import { updateOfMany } from "./update-of-many.mongo.ts";

type Request = ChangeRequest<unknown>;
type Call = Waiting<readonly Request[], unknown[]>;
/** The result of a decision, or what it threw. */
type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown };

/** A record as it was read, and as the decisions so far have changed it. */
interface Draft<Record> {
  record: Record;
  readAs: Record;
  readVersion: number;
  isChanged: boolean;
}

const CALLS_PER_BATCH = 200;

/**
 * `JobStore.change` on MongoDB: reads the records, lets the requests decide, and writes with the versions that were read.
 *
 * Calls that arrive together are a batch, and a batch is written in one transaction. If another writer was faster on one
 * of the records, nothing of the transaction is applied. Then the batch is halved, and its halves again, until the call in
 * conflict is on its own; that call's requests are halved in the same way (`apart`). Only the request that is left reads
 * and decides again until it succeeds (`outlastOthers`).
 *
 * `changeEach` is faster for many requests that need not be written together: it does without a transaction, and undoes
 * its writes where that turns out to be wrong.
 */
export class JobChanges {
  private readonly batches = new Batches<readonly Request[], unknown[]>((calls) => this.run(calls), {
    maxItems: CALLS_PER_BATCH,
    maxInFlight: 2,
  });
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
  }

  change(requests: readonly Request[]): Promise<unknown[]> {
    return requests.length === 0 ? Promise.resolve([]) : this.batches.add(requests);
  }

  /**
   * The same without a transaction, in which a write would cost several times as much. Jobs that another writer changed
   * meanwhile are decided again, together with the jobs that rest on them, whose writes are undone first. But a job that
   * goes on because of what has just become of another could be taken by a node before it is undone. If there is such a
   * job, or an execution changes, everything is written with `change`.
   */
  async changeEach(requests: readonly Request[]): Promise<unknown[]> {
    const drafts = await this.store.attempt(() => this.read(requests));
    const outcomes = requests.map((request) => drafts.decide(request));
    if (outcomes.some(isImpossible)) return this.change(requests);
    const failed = outcomes.find((outcome) => !outcome.ok);
    if (failed) throw failed.error;
    const changesExecutions = [...drafts.executions.values()].some((draft) => draft.isChanged);
    if (changesExecutions || requests.some((request) => drafts.goesOnBecauseOfOthers(request))) {
      return this.change(requests);
    }
    const stamp = crypto.randomUUID();
    const missed = await this.store.attempt(() => this.writeEach(drafts, stamp));
    const jobIdOf = ({ key }: Request) => ("jobId" in key ? key.jobId : "");
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

  /** Writes what was decided. Resolves with the jobs that another writer has changed since they were read. */
  private async writeEach(drafts: Drafts, stamp: string): Promise<Set<string>> {
    const missed = new Set<string>();
    for (const group of alike(drafts.jobs, (job) => job.jobId, updateOfMany)) {
      const stamped = [...group.update, { $set: { changed_by: stamp } }];
      const { matchedCount } = await this.jobs.updateMany(filterOf("job_id", group), stamped);
      if (matchedCount === group.ids.length) continue;
      const written = this.jobs.find({ job_id: { $in: group.ids }, changed_by: stamp });
      const ids = new Set(await written.map((document) => document.job_id).toArray());
      for (const id of group.ids) if (!ids.has(id)) missed.add(id);
    }
    return missed;
  }

  /** Writes the jobs back as they were read, except those that another writer has changed since. */
  private async undo(drafts: Drafts, jobIds: ReadonlySet<string>, stamp: string): Promise<void> {
    const writes = [...jobIds].flatMap((jobId) => {
      const draft = drafts.jobs.get(jobId);
      if (!draft?.isChanged) return [];
      const filter = { job_id: jobId, version: draft.readVersion + 1, changed_by: stamp };
      return [{ updateOne: { filter, update: jobUpdate(draft.readAs) } }];
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
      outcomes.push(...(await this.together(half)));
    }
    return outcomes;
  }

  private async together(requests: readonly Request[]): Promise<Outcome[]> {
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
    const drafts = await this.read(requests);
    const outcomes = requests.map((request) => drafts.decide(request));
    // A job and its execution are read one after the other, so a change in between shows in one of them only.
    if (outcomes.some(isImpossible) && !(await this.areUnchanged(drafts))) {
      throw new ContentionError("A job changed while it was read.");
    }
    await this.write(drafts);
    return outcomes;
  }

  /** Whether everything is still stored in the version that was read. */
  private async areUnchanged({ jobs, executions }: Drafts): Promise<boolean> {
    const sameJobs = [...jobs].map(([job_id, { readVersion: version }]) => ({ job_id, version }));
    const sameExecutions = [...executions].map(([id, { readVersion: version }]) => ({ id, version }));
    const [jobCount, executionCount] = await Promise.all([
      sameJobs.length && this.jobs.countDocuments({ $or: sameJobs }),
      sameExecutions.length && this.executions.countDocuments({ $or: sameExecutions }),
    ]);
    return jobCount === jobs.size && executionCount === executions.size;
  }

  private async read(requests: readonly Request[]): Promise<Drafts> {
    const drafts = new Drafts();
    const executionIds = requests.flatMap(({ key }) => ("executionId" in key ? [key.executionId] : []));
    const jobIds = requests.flatMap(({ key }) => ("jobId" in key ? [key.jobId] : []));
    const named = await this.readExecutions(drafts, executionIds);
    const restedOn = requests.flatMap(({ restsOn }) => restsOn ?? []);
    const all = [...jobIds, ...named.map((execution) => execution.job_id), ...restedOn];
    const jobs = await this.readJobs(drafts, all, restedOn.length > 0);
    const asked = new Set(jobIds);
    const current = jobs.flatMap((job) =>
      asked.has(job.job_id) && job.execution_id !== undefined ? [job.execution_id] : [],
    );
    await this.readExecutions(drafts, current);
    return drafts;
  }

  /** @param atOneMoment reads all of them from one snapshot. */
  private async readJobs(
    drafts: Drafts,
    ids: readonly string[],
    atOneMoment: boolean,
  ): Promise<JobDocument[]> {
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return [];
    const options: FindOptions = atOneMoment ? { readConcern: { level: "snapshot" } } : {};
    const found = await this.jobs.find({ job_id: { $in: wanted } }, options).toArray();
    for (const document of found) {
      const record = jobFromDocument(document);
      drafts.jobs.set(document.job_id, {
        record,
        readAs: record,
        readVersion: document.version,
        isChanged: false,
      });
    }
    return found;
  }

  private async readExecutions(drafts: Drafts, ids: readonly string[]): Promise<ExecutionDocument[]> {
    const wanted = [...new Set(ids)].filter((id) => !drafts.executions.has(id));
    if (wanted.length === 0) return [];
    const found = await this.executions.find({ id: { $in: wanted } }).toArray();
    for (const document of found) {
      const record = executionFromDocument(document);
      drafts.executions.set(document.id, {
        record,
        readAs: record,
        readVersion: document.version,
        isChanged: false,
      });
    }
    return found;
  }

  private async write(drafts: Drafts): Promise<void> {
    const jobs = alike(drafts.jobs, (job) => job.jobId, jobUpdate);
    const executions = alike(drafts.executions, (execution) => execution.executionId, executionUpdate);
    const [onlyJob] = jobs;
    if (onlyJob && jobs.length === 1 && onlyJob.ids.length === 1 && executions.length === 0) {
      const { matchedCount } = await this.jobs.updateOne(filterOf("job_id", onlyJob), onlyJob.update);
      if (matchedCount !== 1) throw new ContentionError("The job changed in between.");
      return;
    }
    if (jobs.length + executions.length === 0) return;
    await this.store.transaction(async (session) => {
      if (executions.length > 0) {
        const writes = executions.map((group) => writeOf("id", group));
        const { matchedCount } = await this.executions.bulkWrite(writes, { session });
        if (matchedCount !== countOf(executions))
          throw new ContentionError("An execution changed in between.");
      }
      if (jobs.length > 0) {
        const writes = jobs.map((group) => writeOf("job_id", group));
        const { matchedCount } = await this.jobs.bulkWrite(writes, { session });
        if (matchedCount !== countOf(jobs)) throw new ContentionError("A job changed in between.");
      }
    });
  }
}

function isImpossible(outcome: Outcome): boolean {
  return !outcome.ok && outcome.error instanceof ImpossibleTransitionError;
}

/** Documents that were read with the same version and change in the same way. */
interface Alike<Update> {
  ids: string[];
  version: number;
  update: Update;
}

/** Groups changes that are alike: a thousand jobs that are cancelled together are one write, not a thousand. */
function alike<Record, Update>(
  drafts: ReadonlyMap<string, Draft<Record>>,
  idOf: (record: Record) => string,
  updateOf: (record: Record) => Update,
): Alike<Update>[] {
  const groups = new Map<string, Alike<Update>>();
  for (const { record, readVersion, isChanged } of drafts.values()) {
    if (!isChanged) continue;
    const update = updateOf(record);
    const name = `${readVersion} ${JSON.stringify(update)}`;
    const group = groups.get(name);
    if (group) group.ids.push(idOf(record));
    else groups.set(name, { ids: [idOf(record)], version: readVersion, update });
  }
  return [...groups.values()];
}

function filterOf(key: "id" | "job_id", { ids, version }: Alike<unknown>) {
  const [only] = ids;
  return { [key]: ids.length === 1 ? only : { $in: ids }, version };
}

function writeOf<Update>(key: "id" | "job_id", group: Alike<Update>) {
  const write = { filter: filterOf(key, group), update: group.update };
  return group.ids.length === 1 ? { updateOne: write } : { updateMany: write };
}

function countOf(groups: readonly Alike<unknown>[]): number {
  return groups.reduce((sum, group) => sum + group.ids.length, 0);
}

/** The records that were read, as the decisions so far have changed them: later decisions see the earlier ones. */
class Drafts {
  readonly jobs = new Map<string, Draft<JobRecord>>();
  readonly executions = new Map<string, Draft<ExecutionRecord>>();

  decide(request: Request): Outcome {
    try {
      const state = this.stateOf(request.key);
      const decision = request.decide(state, this.othersOf(request, state));
      if (state && decision.execution)
        put(this.executions, decision.execution.executionId, decision.execution);
      if (state && decision.job) put(this.jobs, decision.job.jobId, decision.job);
      return { ok: true, value: decision.result };
    } catch (error) {
      return { ok: false, error };
    }
  }

  goesOnBecauseOfOthers({ key, restsOn = [] }: Request): boolean {
    const draft = "jobId" in key ? this.jobs.get(key.jobId) : undefined;
    if (!draft?.isChanged || isFinal(draft.record.status)) return false;
    return restsOn.some((jobId) => this.jobs.get(jobId)?.isChanged);
  }

  private othersOf({ restsOn = [] }: Request, state: JobState | undefined): Map<string, JobRecord> {
    const found = restsOn.flatMap((jobId) => this.jobs.get(jobId)?.record ?? []);
    const others = found.filter((job) => job.businessId === state?.job.businessId);
    return new Map(others.map((job) => [job.jobId, job]));
  }

  private stateOf(key: Request["key"]): JobState | undefined {
    if ("jobId" in key) {
      const job = this.jobs.get(key.jobId)?.record;
      if (!job || job.businessId !== key.businessId) return undefined;
      return { job, execution: job.executionId ? this.executions.get(job.executionId)?.record : undefined };
    }
    const execution = this.executions.get(key.executionId)?.record;
    if (!execution || execution.nodeId !== key.nodeId) return undefined;
    const job = this.jobs.get(execution.jobId)?.record;
    return job && { job, execution };
  }
}

function put<Record>(drafts: Map<string, Draft<Record>>, id: string, record: Record): void {
  const draft = drafts.get(id);
  if (!draft) throw new Error(`A decision changes ${id}, which it did not read`);
  draft.record = record;
  draft.isChanged = true;
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
