import type { JobStatus } from "../../shared/job-state.ts";
import type { KeyLimits, KeyUse, LimitRefusal, LimitState } from "../auth/key-limits.ts";
import type { KeepsTimes } from "../tasks/clock.ts";
import type { GroupKey } from "./flow-store.ts";
import type { ExecutionRecord, JobRecord, JobState } from "./job-record.ts";
import type { JobSlice } from "./job-slices.ts";

export interface NewJob {
  job: JobRecord;
  /**
   * The same key of the same user in the same business never creates a second job. The jobs of an array need no key: they
   * are inserted only together with the array.
   */
  idempotency: Idempotency | undefined;
}

export interface Idempotency {
  key: string;
  bodyHash: string;
  /** Another key, of an earlier job of the same insert. Nobody inserts a job with this key except behind one with that. */
  behind?: string | undefined;
}

/**
 * `created`: the job was inserted. `existing`: the key was used before for the same request, which created this job.
 * `key-reused`: the key was used for a different request, so nothing at all is inserted. `held-back`: the job would have
 * been created, but is not, because another job of the insert was not.
 */
export type InsertOutcome =
  | { kind: "created"; job: JobRecord }
  | { kind: "existing"; job: JobRecord }
  | { kind: "key-reused" }
  | { kind: "held-back" };

/** An API key with limits. */
export type LimitedKey = KeyLimits & Pick<KeyUse, "apiKeyId">;

/** `refused`: by this limit; nothing was written and nothing is used. `left`: how much of each limit is left. */
export type WithinLimits<Result> = { left: LimitState[] } & (
  | { kind: "within"; result: Result }
  | LimitRefusal
);

/** What a decision changes: the new job, the new execution, or both. What is left out stays unchanged. */
export interface Decision<Result> {
  job?: JobRecord;
  execution?: JobState["execution"];
  /** An execution that never began. Nothing of it is kept. */
  removed?: ExecutionRecord;
  result: Result;
}

export interface ChangeRequest<Result> {
  /**
   * Selects a job of a business with its current execution, or an execution on a node with its job. Anything else is not
   * found.
   */
  key: { jobId: string; businessId: string } | { executionId: string; nodeId: string };
  /** Ids of other jobs of the business that the decision depends on. They are read at the same moment. */
  restsOn?: readonly string[];
  /**
   * Must be pure: if another writer was faster, it is called again with what is stored by then. `state` is undefined if
   * that business or node has no such row. `others` are the existing jobs of `restsOn`, as earlier requests of this change
   * have left them. If one of these is queued again in between, `JobFlowStore.decideAgain` keeps the decision from being
   * written.
   */
  decide: (state: JobState | undefined, others: ReadonlyMap<string, JobRecord>) => Decision<Result>;
}

export interface JobListQuery {
  businessId: string;
  status: readonly JobStatus[] | undefined;
  /** Only jobs of this person. */
  userId?: string | undefined;
  /** A glob; see `jobFilter`. */
  name: string | undefined;
  /** A part of a name; upper and lower case of A to Z are the same. */
  search?: string | undefined;
  labels: Readonly<Record<string, string>> | undefined;
  /** Only jobs created at this time or later. */
  sinceMs?: number | undefined;
  /** Only jobs created before this time. */
  untilMs?: number | undefined;
  /** Only jobs whose current or last execution is on this node. */
  nodeId?: string | undefined;
  templateId?: string | undefined;
  scheduleId?: string | undefined;
  /** Without the jobs of arrays. */
  topLevel?: boolean | undefined;
  /** Only the jobs of this array. Oldest first is the order of its indexes. */
  arrayId?: string | undefined;
  /** Only jobs whose id begins with this. */
  idPrefix?: string | undefined;
  /** Only jobs older than this id. */
  beforeJobId: string | undefined;
  /** Lists the oldest first, and only jobs with greater ids than this. */
  oldestBehind?: string | undefined;
  limit: number;
}

/** A job's id may be made up to this long before its `createdAtMs`. */
export const CLOCK_SLACK_MS = 60_000;

/** Sorts after every digit of an id. */
export const BEHIND_DIGITS = "~";

/** The results of changing the jobs that a query selected. */
export interface MatchingChanges<Result> {
  results: Result[];
  /** The `beforeJobId` with which to continue; undefined if there are no more jobs. */
  nextBeforeJobId: string | undefined;
}

/** The most jobs in one answer from `expiring`. */
export const MAX_EXPIRING = 1_000;

export interface ExpiringJobs {
  due: { jobId: string; businessId: string }[];
  nextDueAtMs: number | undefined;
}

/** What `promoteDue` has made claimable. */
export interface Promoted {
  businessIds: string[];
  /** Groups in which jobs now wait for their turn, each once. */
  groups: GroupKey[];
  /** When the next job is due. */
  nextDueAtMs: number | undefined;
}

/** Where a job stands, for those who keep its files. */
export interface JobEnd {
  arrayId: string | undefined;
  /** Undefined while it is not over. */
  endedAtMs: number | undefined;
}

/**
 * Stores jobs. Every operation is safe to call concurrently, and what it resolves with is on disk. Rows of another
 * business are never found. Rejects with ComputeError `storage_failed` if the store fails.
 */
export interface JobStore extends KeepsTimes {
  /**
   * Has `tell` called when jobs of a business were inserted and can be claimed, which is before their insert is on disk: a
   * claim that is made then is on disk no earlier. Absent: jobs are claimed once their insert is acknowledged.
   */
  onClaimable?(tell: (businessId: string) => void): void;
  /**
   * Inserts all jobs or none. Resolves with one outcome per job, in order. A job that was created may be on a node already; then
   * its outcome says so.
   */
  insert(jobs: readonly NewJob[]): Promise<InsertOutcome[]>;
  /**
   * The same within the limits of the key that the jobs are made with. Jobs that are created count, and arrays as many as
   * they have; concurrent calls at all servers never exceed a limit.
   */
  insertWithin(
    jobs: readonly NewJob[],
    key: LimitedKey,
    nowMs: number,
  ): Promise<WithinLimits<InsertOutcome[]>>;
  /**
   * Counts jobs that are about to be queued again as if they were made with the key, and keeps places for them until
   * `release`, or for a minute. Resolves with the id of the hold.
   */
  hold(key: LimitedKey, jobs: number, nowMs: number): Promise<WithinLimits<string>>;
  release(apiKeyId: string, holdId: string): Promise<void>;
  find(businessId: string, jobId: string): Promise<JobRecord | undefined>;
  /** Whether a job of the user was inserted with this idempotency key. */
  isKeyUsed(by: Pick<JobRecord, "businessId" | "userId">, key: string): Promise<boolean>;
  /** Newest first, unless the query says otherwise. */
  list(query: JobListQuery): Promise<JobRecord[]>;
  /**
   * How many jobs the query selects, up to its limit. If they are hard to find, it stops after a while and says `isCut`:
   * there may be more.
   */
  count(query: JobListQuery): Promise<{ count: number; isCut: boolean }>;
  /**
   * The first jobs of the list, up to the one with which their manifests reach `maxBytes`. If too many must be looked at to
   * find them, it stops there.
   */
  listSome(query: JobListQuery, maxBytes: number): Promise<JobSlice>;
  /**
   * Changes jobs and executions. For each request, in order, it reads the records, calls `decide`, and writes the decision
   * only if nothing has changed in between. Everything is one write. Resolves with the result of each decision.
   * @param options `unrelated`: the requests need not be written together, only after the jobs they rest on. That is faster
   * for many requests.
   */
  change<Result>(
    requests: readonly ChangeRequest<Result>[],
    options?: { unrelated: boolean },
  ): Promise<Result[]>;
  /**
   * Like `change`, for the jobs that the query selects, in the order of `list`. If they are many or large, it takes several
   * writes, and jobs beyond BYTES_PER_REQUEST are left for the next call.
   */
  changeMatching<Result>(
    query: JobListQuery,
    decide: (state: JobState | undefined) => Decision<Result>,
  ): Promise<MatchingChanges<Result>>;
  /** Queued jobs whose queue deadline has passed, at most MAX_EXPIRING, and when the next one passes. */
  expiring(nowMs: number): Promise<ExpiringJobs>;
  /** Makes jobs claimable whose `notBeforeMs` has come, or lets them wait for their turn in their group. */
  promoteDue(nowMs: number): Promise<Promoted>;
  /**
   * Makes jobs due now that would wait longer than `RETRY_MAX_MS` for another attempt, or longer than `PUT_BACK_MAX_MS` if
   * they have not failed yet. Relative start times that are too far ahead are counted from now. Jobs with a
   * queueTtlSeconds wait at most that long from now, or from their start time if it is later.
   */
  bringBack(nowMs: number): Promise<number>;
  /**
   * Of all businesses: those of the ids of artifacts and jobs whose files are an input of a job that is not over, or that
   * ended after `endedAfterMs`.
   */
  artifactsInUse(ids: readonly string[], endedAfterMs: number): Promise<string[]>;
  /** Of all businesses: those of the jobs that exist. */
  endsOf(jobIds: readonly string[]): Promise<Map<string, JobEnd>>;
}

/** How many of these jobs count: of an array, its jobs and not itself. */
export function countOf(jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): number {
  return jobs.filter(({ job }, i) => outcomes[i]?.kind === "created" && job.gate !== "array").length;
}

/**
 * Holds back what must not be created: everything, if a key was used for a different request, and the jobs of an array that
 * is not created.
 * @param jobs the job that each outcome belongs to.
 */
export function allOrNone(outcomes: InsertOutcome[], jobs: readonly NewJob[]): InsertOutcome[] {
  const isRefused = outcomes.some((outcome) => outcome.kind === "key-reused");
  const uncreatedArrays = new Set(
    jobs.flatMap(({ job }, i) => (outcomes[i]?.kind !== "created" && job.gate === "array" ? job.jobId : [])),
  );
  if (!isRefused && uncreatedArrays.size === 0) return outcomes;
  const heldBack = new Set<string>();
  for (const outcome of outcomes) {
    if (outcome.kind !== "created") continue;
    const { jobId, arrayId = "" } = outcome.job;
    if (isRefused || uncreatedArrays.has(arrayId)) heldBack.add(jobId);
  }
  return outcomes.map((outcome) =>
    "job" in outcome && heldBack.has(outcome.job.jobId) ? { kind: "held-back" } : outcome,
  );
}
