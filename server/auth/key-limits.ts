import type { JobType } from "../../shared/job-fields.ts";

/** What limits the jobs made with an API key; an absent one does not. */
export interface KeyLimits {
  /** In any 60 minutes. */
  maxJobsPerHour?: number | undefined;
  /** Not over at the same time. */
  maxConcurrent?: number | undefined;
}

/** The API key of a request, or of a schedule that was made with one. */
export interface KeyUse extends KeyLimits {
  apiKeyId: string;
  /** For people. */
  name: string;
  readOnly: boolean;
  /** Absent: every type. */
  allowedJobTypes?: readonly JobType[] | undefined;
  /** How much of the limits is left, once the request has made jobs. The answer says so in its headers. */
  left?: readonly LimitState[];
}

/** How much of a limit is left. */
export interface LimitState {
  policy: "jobs-per-hour" | "concurrent-jobs";
  limit: number;
  remaining: number;
  /** Until more is left. Absent if nobody can know. */
  resetSeconds: number | undefined;
  /** The window of the limit; absent if it has none. */
  windowSeconds: number | undefined;
}

/** How much of its limits a key has used. Plain data, as the stores keep it. */
export interface KeyUsage {
  /** Jobs made, the oldest first; those of one minute together, with the time of the last of them. */
  minutes: { lastMs: number; jobs: number }[];
  /** Places for jobs that are just being queued again. A server that dies leaves one behind, until its time. */
  holds: { holdId: string; jobs: number; untilMs: number }[];
}

/** Jobs that somebody wants to make with a key now. */
export interface WantedJobs {
  jobs: number;
  /** Jobs of the key that are not over. */
  open: number;
  nowMs: number;
}

/** `jobs`: how many were wanted. `retryAfterSeconds`: until they may fit. */
export interface LimitRefusal {
  kind: "refused";
  by: LimitState;
  jobs: number;
  retryAfterSeconds: number;
}

/** `refused`: by this limit; nothing is used. */
export type Spent = { left: LimitState[] } & ({ kind: "spent"; usage: KeyUsage } | LimitRefusal);

export const NO_USAGE: KeyUsage = { minutes: [], holds: [] };

const MINUTE_MS = 60_000;
const HOUR_SECONDS = 3_600;
const HOUR_MS = HOUR_SECONDS * 1_000;
/** Nobody knows when a job ends, so this is a guess. */
const CONCURRENT_RETRY_SECONDS = 10;
const HOLD_MS = 60_000;

/**
 * Decides whether a key may make these jobs, and what it has used then. The jobs of a minute count until an hour after the
 * last of them, so that no 60 minutes ever have more than the limit. Pure.
 */
export function spend(usage: KeyUsage, limits: KeyLimits, wanted: WantedJobs): Spent {
  const current = currentUsage(usage, wanted.nowMs);
  const after = { ...current, minutes: withJobs(current.minutes, wanted) };
  const refusal =
    hourRefusal(current, limits, wanted) ?? concurrencyRefusal(current, limits, wanted) ?? undefined;
  if (!refusal) {
    return {
      kind: "spent",
      usage: after,
      left: leftOf(after, limits, wanted.open + wanted.jobs, wanted.nowMs),
    };
  }
  const left = leftOf(current, limits, wanted.open, wanted.nowMs);
  const by = left.find((state) => state.policy === refusal.policy);
  if (!by) throw new Error(`A key was refused by ${refusal.policy}, which it does not have`);
  return { kind: "refused", by, left, jobs: wanted.jobs, retryAfterSeconds: refusal.retryAfterSeconds };
}

/** The usage with places for jobs that are about to be queued again. Pure. */
export function withHold(usage: KeyUsage, holdId: string, jobs: number, nowMs: number): KeyUsage {
  return { ...usage, holds: [...usage.holds, { holdId, jobs, untilMs: nowMs + HOLD_MS }] };
}

export function withoutHold(usage: KeyUsage, holdId: string): KeyUsage {
  return { ...usage, holds: usage.holds.filter((hold) => hold.holdId !== holdId) };
}

interface Refusal {
  policy: LimitState["policy"];
  retryAfterSeconds: number;
}

function hourRefusal(
  { minutes }: KeyUsage,
  { maxJobsPerHour }: KeyLimits,
  { jobs, nowMs }: WantedJobs,
): Refusal | undefined {
  if (maxJobsPerHour === undefined) return undefined;
  let tooMany = sumOf(minutes) + jobs - maxJobsPerHour;
  if (jobs === 0 || tooMany <= 0) return undefined;
  const policy = "jobs-per-hour";
  for (const one of minutes) {
    tooMany -= one.jobs;
    if (tooMany <= 0) return { policy, retryAfterSeconds: secondsLeft(one.lastMs, nowMs) };
  }
  // These are more than the limit, and never fit.
  return { policy, retryAfterSeconds: HOUR_SECONDS };
}

function concurrencyRefusal(
  usage: KeyUsage,
  { maxConcurrent }: KeyLimits,
  { jobs, open }: WantedJobs,
): Refusal | undefined {
  if (maxConcurrent === undefined || jobs === 0) return undefined;
  if (open + sumOf(usage.holds) + jobs <= maxConcurrent) return undefined;
  return { policy: "concurrent-jobs", retryAfterSeconds: CONCURRENT_RETRY_SECONDS };
}

function leftOf(usage: KeyUsage, limits: KeyLimits, open: number, nowMs: number): LimitState[] {
  const { maxJobsPerHour, maxConcurrent } = limits;
  const left: LimitState[] = [];
  if (maxJobsPerHour !== undefined) {
    const [oldest] = usage.minutes;
    left.push({
      policy: "jobs-per-hour",
      limit: maxJobsPerHour,
      remaining: Math.max(0, maxJobsPerHour - sumOf(usage.minutes)),
      resetSeconds: oldest ? secondsLeft(oldest.lastMs, nowMs) : 0,
      windowSeconds: HOUR_SECONDS,
    });
  }
  if (maxConcurrent !== undefined) {
    left.push({
      policy: "concurrent-jobs",
      limit: maxConcurrent,
      remaining: Math.max(0, maxConcurrent - open - sumOf(usage.holds)),
      resetSeconds: undefined,
      windowSeconds: undefined,
    });
  }
  return left;
}

/** Without what no longer counts, and what a clock that was ahead has left behind. */
function currentUsage({ minutes, holds }: KeyUsage, nowMs: number): KeyUsage {
  return {
    minutes: minutes.filter(({ lastMs }) => Math.abs(nowMs - lastMs) < HOUR_MS),
    holds: holds.filter(({ untilMs }) => untilMs > nowMs && untilMs <= nowMs + 2 * HOLD_MS),
  };
}

function withJobs(minutes: KeyUsage["minutes"], { jobs, nowMs }: WantedJobs): KeyUsage["minutes"] {
  if (jobs === 0) return minutes;
  const last = minutes.at(-1);
  if (!last || minuteOf(last.lastMs) !== minuteOf(nowMs)) {
    // The clock may have been set back.
    return [...minutes, { lastMs: nowMs, jobs }].sort((one, other) => one.lastMs - other.lastMs);
  }
  return [...minutes.slice(0, -1), { lastMs: Math.max(last.lastMs, nowMs), jobs: last.jobs + jobs }];
}

function secondsLeft(lastMs: number, nowMs: number): number {
  // Another server's request may have come a little later than this one, and been counted before it.
  return Math.min(HOUR_SECONDS, Math.max(1, Math.ceil((lastMs + HOUR_MS - nowMs) / 1_000)));
}

function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / MINUTE_MS);
}

function sumOf(counts: readonly { jobs: number }[]): number {
  return counts.reduce((sum, { jobs }) => sum + jobs, 0);
}
