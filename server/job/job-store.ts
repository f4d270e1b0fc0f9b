import type { JobStatus } from "../../shared/job-state.ts";
import type { KeepsTimes } from "../tasks/clock.ts";
import type { GroupKey } from "./flow-store.ts";
import type { JobRecord, JobState } from "./job-record.ts";
import type { JobSlice } from "./job-slices.ts";

export interface NewJob {
  job: JobRecord;
  /**
   * With a key, the same key of the same user in the same business never makes a second job. The jobs of an array need
   * none: they are inserted with it, and only if it is.
   */
  idempotency: { key: string; bodyHash: string } | undefined;
}

/**
 * `created`; `existing`: the key was used for the same request, here is that job; `key-reused`: it was used for another
 * body, and so nothing is inserted: what else would have been created is `held-back`.
 */
export type InsertOutcome =
  | { kind: "created"; job: JobRecord }
  | { kind: "existing"; job: JobRecord }
  | { kind: "key-reused" }
  | { kind: "held-back" };

/** What a decision makes of a job and its execution; what is left out stays as it was. */
export interface Decision<Result> {
  job?: JobRecord;
  execution?: JobState["execution"];
  result: Result;
}

export interface ChangeRequest<Result> {
  /** A user's job with its current execution, or an execution of a node with its job. Anything else is not found. */
  key: { jobId: string; businessId: string } | { executionId: string; nodeId: string };
  /** Ids of jobs of the same business on which the decision rests, read at the same moment. */
  restsOn?: readonly string[];
  /**
   * Pure: may be called again with what is stored by then, when somebody else was faster. `undefined` means there is
   * no such row within that business or node. `others` are those of `restsOn` that are there, as requests before this
   * one have left them: where one of them changed in between, `JobFlowStore.decideAgain` keeps it from being written.
   */
  decide: (state: JobState | undefined, others: ReadonlyMap<string, JobRecord>) => Decision<Result>;
}

export interface JobListQuery {
  businessId: string;
  status: readonly JobStatus[] | undefined;
  /** A glob; see `jobFilter`. */
  name: string | undefined;
  labels: Readonly<Record<string, string>> | undefined;
  /** Only jobs created at this time or later. */
  sinceMs?: number | undefined;
  /** Only the jobs of this array; the oldest first is the order of its indexes. */
  arrayId?: string | undefined;
  /** Only jobs whose id begins so. */
  idPrefix?: string | undefined;
  /** Only jobs older than this id. */
  beforeJobId: string | undefined;
  /** The oldest first, and only jobs behind this id. */
  oldestBehind?: string | undefined;
  limit: number;
}

/** A job's id is made a little before the time it counts as created at. */
export const CLOCK_SLACK_MS = 60_000;

/** Sorts behind every digit of an id. */
export const BEHIND_DIGITS = "~";

/** What became of the jobs that a query selected. */
export interface MatchingChanges<Result> {
  results: Result[];
  /** The `beforeJobId` to go on from; undefined where there are no more. */
  nextBeforeJobId: string | undefined;
}

/** The most jobs of one answer to `expiring`. */
export const MAX_EXPIRING = 1_000;

export interface ExpiringJobs {
  due: { jobId: string; businessId: string }[];
  nextDueAtMs: number | undefined;
}

/** What has become due. */
export interface Promoted {
  businessIds: string[];
  /** Groups in which jobs wait for their turn since now, each once. */
  groups: GroupKey[];
  /** When the next job is due. */
  nextDueAtMs: number | undefined;
}

/**
 * Where jobs are kept. Every operation is safe to call from many places at once; what it resolves with is on disk.
 * Rows of another business are never found. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface JobStore extends KeepsTimes {
  /** All or none of them, in order. */
  insert(jobs: readonly NewJob[]): Promise<InsertOutcome[]>;
  find(businessId: string, jobId: string): Promise<JobRecord | undefined>;
  /** Whether a job of the user was inserted with this idempotency key. */
  isKeyUsed(by: Pick<JobRecord, "businessId" | "userId">, key: string): Promise<boolean>;
  /** Newest first, or as the query says. */
  list(query: JobListQuery): Promise<JobRecord[]>;
  /** The first of them, up to the one with which their manifests come to `maxBytes`. */
  listSome(query: JobListQuery, maxBytes: number): Promise<JobSlice>;
  /**
   * Reads each, in order, lets `decide` say what becomes of it, and writes that only if nothing changed in between; all
   * in one write. `unrelated`: they need not be written together, only after what they rest on; faster for many.
   */
  change<Result>(
    requests: readonly ChangeRequest<Result>[],
    options?: { unrelated: boolean },
  ): Promise<Result[]>;
  /**
   * Does with the jobs that the query selects, in the order of `list`, what `change` does with those it is given. Where
   * they are many or large it takes several writes, and those beyond BYTES_PER_REQUEST are left for the next call.
   */
  changeMatching<Result>(
    query: JobListQuery,
    decide: (state: JobState | undefined) => Decision<Result>,
  ): Promise<MatchingChanges<Result>>;
  /** Queued jobs that have waited too long, at most MAX_EXPIRING, and when the next will have. */
  expiring(nowMs: number): Promise<ExpiringJobs>;
  /** Makes jobs claimable whose `notBeforeMs` has come, or lets them wait for their turn in their group. */
  promoteDue(nowMs: number): Promise<Promoted>;
  /**
   * Jobs that would wait for another attempt longer than `RETRY_MAX_MS`, or than `PUT_BACK_MAX_MS` where they have failed at nothing yet, are due now; jobs with a
   * queueTtlSeconds, whose time to start has come, wait no longer than that from now.
   */
  bringBack(nowMs: number): Promise<number>;
}

/**
 * Nothing is inserted where a key was used for another body; nor are the jobs of an array that is not.
 * @param jobs what each outcome is of.
 */
export function allOrNone(outcomes: InsertOutcome[], jobs: readonly NewJob[]): InsertOutcome[] {
  const isRefused = outcomes.some((outcome) => outcome.kind === "key-reused");
  const kept = new Set(
    jobs.flatMap(({ job }, i) => (outcomes[i]?.kind !== "created" && job.gate === "array" ? job.jobId : [])),
  );
  if (!isRefused && kept.size === 0) return outcomes;
  const created = new Set(
    outcomes.flatMap((one) =>
      one.kind === "created" && (isRefused || kept.has(one.job.arrayId ?? "")) ? [one.job.jobId] : [],
    ),
  );
  return outcomes.map((one) => ("job" in one && created.has(one.job.jobId) ? { kind: "held-back" } : one));
}
