import { randomBytes } from "node:crypto";
import type { Collection, FindOptions } from "mongodb";
import { isFinal } from "../../shared/job-state.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { ChangedRun } from "./execution-copies.mongo.ts";
import {
  type ExecutionDocument,
  type JobDocument,
  jobFromDocument,
  jobUpdateFrom,
} from "./job-documents.mongo.ts";
import type { ExecutionRecord, JobRecord, JobState } from "./job-record.ts";
import type { ChangeRequest } from "./job-store.ts";
import type { KnownJob, RecentJobs } from "./recent-jobs.mongo.ts";
import { executionFromDocument, type Run, runFields, runOf } from "./run-documents.mongo.ts";

export type Request = ChangeRequest<unknown>;

/** The result of a decision, or what it threw. */
export type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown };

/** A job with its run, as they were read, and as the decisions so far have changed them. */
export interface Draft extends ChangedRun {
  jobId: string;
  readAs: JobRecord;
  readVersion: number;
  job: JobRecord;
  /** A decision wrote the job, maybe as it was. Then others who have read it must read it again. */
  isJobWritten: boolean;
  /** It was not read, but is what this server wrote last. */
  isRemembered: boolean;
}

/** Reads what requests ask for. */
export class DraftReader {
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;

  constructor(
    store: MongoStore,
    private readonly recent: RecentJobs,
  ) {
    this.jobs = store.collection("compute_jobs");
    this.executions = store.collection("compute_executions");
  }

  /** Reads everything, except the jobs of executions that this server knows. */
  async recall(requests: readonly Request[]): Promise<Drafts> {
    const drafts = new Drafts();
    for (const { key } of requests) {
      if (!("executionId" in key)) continue;
      const known = this.recent.get(this.recent.jobIdOf(key.executionId) ?? "");
      if (known?.run?.execution.executionId === key.executionId)
        drafts.add(known.job.jobId, { ...known, isRemembered: true });
    }
    return this.readInto(drafts, requests);
  }

  read(requests: readonly Request[]): Promise<Drafts> {
    return this.readInto(new Drafts(), requests);
  }

  private async readInto(drafts: Drafts, requests: readonly Request[]): Promise<Drafts> {
    const executionIds = [
      ...new Set(requests.flatMap(({ key }) => ("executionId" in key ? [key.executionId] : []))),
    ];
    await this.readPast(
      drafts,
      executionIds.filter((id) => this.recent.jobIdOf(id) === undefined),
    );
    for (const id of executionIds) {
      const jobId = this.recent.jobIdOf(id);
      if (jobId !== undefined) drafts.jobIds.set(id, jobId);
    }
    const named = requests.flatMap(({ key }) => ("jobId" in key ? [key.jobId] : []));
    const restedOn = requests.flatMap(({ restsOn }) => restsOn ?? []);
    const unread = [...named, ...drafts.jobIds.values(), ...restedOn].filter((id) => !drafts.jobs.has(id));
    await this.readJobs(drafts, unread, restedOn.length > 0);
    // Earlier executions of jobs that have gone on, and executions that were created before jobs had runs.
    const current = [...drafts.jobs.values()].flatMap(({ job: { executionId }, run }) =>
      executionId !== undefined && run === undefined ? [executionId] : [],
    );
    const past = [...executionIds.filter((id) => !drafts.isRun(id)), ...current];
    await this.readPast(
      drafts,
      past.filter((id) => !drafts.past.has(id)),
    );
    for (const draft of drafts.jobs.values()) {
      const copy = draft.job.executionId !== undefined && drafts.past.get(draft.job.executionId);
      if (!draft.run && copy) draft.run = copy;
    }
    return drafts;
  }

  /** @param atOneMoment reads all of them from one snapshot. */
  private async readJobs(drafts: Drafts, ids: readonly string[], atOneMoment: boolean): Promise<void> {
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return;
    const options: FindOptions = atOneMoment ? { readConcern: { level: "snapshot" } } : {};
    for (const document of await this.jobs.find({ _id: { $in: wanted } }, options).toArray()) {
      const known = { job: jobFromDocument(document), run: runOf(document), version: document.version };
      drafts.add(document.job_id, { ...known, isRemembered: false });
    }
  }

  private async readPast(drafts: Drafts, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    for (const document of await this.executions.find({ id: { $in: [...new Set(ids)] } }).toArray()) {
      this.recent.rememberExecution(document.id, document.job_id);
      drafts.past.set(document.id, { execution: executionFromDocument(document), version: document.version });
    }
  }
}

/** The records that were read, as the decisions so far have changed them: later decisions see the earlier ones. */
export class Drafts {
  readonly jobs = new Map<string, Draft>();
  /** The jobs of the executions that are asked for. */
  readonly jobIds = new Map<string, string>();
  /** Executions that are not, or may not be, the run of their job. They are never changed. */
  readonly past = new Map<string, Run>();

  get changed(): Draft[] {
    return [...this.jobs.values()].filter(isChanged);
  }

  add(jobId: string, { job, run, version, isRemembered }: KnownJob & Pick<Draft, "isRemembered">): void {
    const unchanged = { isJobWritten: false, isRunChanged: false };
    this.jobs.set(jobId, { jobId, readAs: job, readVersion: version, job, run, isRemembered, ...unchanged });
  }

  isRun(executionId: string): boolean {
    return this.draftOf(executionId)?.run?.execution.executionId === executionId;
  }

  decide(request: Request): Outcome {
    try {
      const state = this.stateOf(request.key);
      const { job, execution, removed, result } = request.decide(state, this.othersOf(request, state));
      if (state && execution) this.put(state, execution);
      if (state && removed) this.remove(state, removed);
      if (state && job) Object.assign(this.found(job.jobId), { job, isJobWritten: true });
      return { ok: true, value: result };
    } catch (error) {
      return { ok: false, error };
    }
  }

  /** The job that a request is about; undefined if there is none. */
  jobIdOf({ key }: Request): string | undefined {
    return "jobId" in key ? key.jobId : this.jobIds.get(key.executionId);
  }

  /** Whether a request changed nothing about a job that was not read, so that it may be wrong. */
  isInDoubt(request: Request): boolean {
    const draft = this.jobs.get(this.jobIdOf(request) ?? "");
    return draft?.isRemembered === true && !isChanged(draft);
  }

  goesOnBecauseOfOthers({ key, restsOn = [] }: Request): boolean {
    const draft = "jobId" in key ? this.jobs.get(key.jobId) : undefined;
    if (!draft || !isChanged(draft) || isFinal(draft.job.status)) return false;
    return restsOn.some((jobId) => {
      const other = this.jobs.get(jobId);
      return other !== undefined && isChanged(other);
    });
  }

  private put(state: JobState, execution: ExecutionRecord): void {
    const [draft, run] = this.runFor(state, execution);
    draft.run = { execution, version: draft.isRunChanged ? run.version : run.version + 1 };
    draft.isRunChanged = true;
  }

  private remove(state: JobState, execution: ExecutionRecord): void {
    const [draft, run] = this.runFor(state, execution);
    Object.assign(draft, { run: undefined, removedRun: run, isRunChanged: true });
  }

  private runFor({ job }: JobState, { executionId }: ExecutionRecord): [Draft, Run] {
    const draft = this.found(job.jobId);
    if (draft.run?.execution.executionId !== executionId)
      throw new Error(`A decision changes ${executionId}, which is not the run of its job`);
    return [draft, draft.run];
  }

  private found(jobId: string): Draft {
    const draft = this.jobs.get(jobId);
    if (!draft) throw new Error(`A decision changes ${jobId}, which it did not read`);
    return draft;
  }

  private othersOf({ restsOn = [] }: Request, state: JobState | undefined): Map<string, JobRecord> {
    const found = restsOn.flatMap((jobId) => this.jobs.get(jobId)?.job ?? []);
    const others = found.filter((job) => job.businessId === state?.job.businessId);
    return new Map(others.map((job) => [job.jobId, job]));
  }

  private stateOf(key: Request["key"]): JobState | undefined {
    if ("jobId" in key) {
      const draft = this.jobs.get(key.jobId);
      if (!draft || draft.job.businessId !== key.businessId) return undefined;
      const { job, run } = draft;
      return { job, execution: job.executionId === run?.execution.executionId ? run?.execution : undefined };
    }
    const draft = this.draftOf(key.executionId);
    const run = this.isRun(key.executionId) ? draft?.run : this.past.get(key.executionId);
    if (!draft || run?.execution.nodeId !== key.nodeId) return undefined;
    return { job: draft.job, execution: run.execution };
  }

  private draftOf(executionId: string): Draft | undefined {
    const jobId = this.jobIds.get(executionId) ?? this.past.get(executionId)?.execution.jobId;
    return jobId === undefined ? undefined : this.jobs.get(jobId);
  }
}

function isChanged({ isJobWritten, isRunChanged }: Draft): boolean {
  return isJobWritten || isRunChanged;
}

/** How many changes a job remembers, so that each finds out whether it was written when others wrote at the same time. */
const REMEMBERED_CHANGES = 8;

export function newStamp(): string {
  return randomBytes(9).toString("base64");
}

/** Part of a pipeline: adds the stamp of a change. */
export function stampedBy(stamp: string) {
  const stamps = { $concatArrays: [{ $ifNull: ["$written_by", []] }, [stamp]] };
  return { $set: { written_by: { $slice: [stamps, -REMEMBERED_CHANGES] } } };
}

/** The write of a draft: one update of one document, which applies only to what was read. */
export function writeOfDraft(draft: Draft, stamp: string) {
  const { $set, $unset, $inc } = jobUpdateFrom(draft.readAs, draft.job);
  if (draft.isRunChanged) {
    if (draft.run) $set.run = runFields(draft.run);
    else $unset.run = "";
    // Its node has it, so the claim is complete.
    $unset.claim_expires_at = "";
  }
  const $push = { written_by: { $each: [stamp], $slice: -REMEMBERED_CHANGES } };
  const update = {
    ...(Object.keys($set).length > 0 && { $set }),
    ...(Object.keys($unset).length > 0 && { $unset }),
    $inc,
    $push,
  };
  return { updateOne: { filter: { _id: draft.jobId, version: draft.readVersion }, update } };
}
