import type { Identity } from "../../shared/auth.ts";
import { counted } from "../../shared/counted.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { KeyUse, LimitRefusal } from "../auth/key-limits.ts";
import { rateLimitHeaders } from "../http/rate-limit-headers.ts";
import type { InsertOutcome, JobStore, NewJob, WithinLimits } from "./job-store.ts";

/** Who makes jobs: a person, or a program with an API key of theirs. */
export type Maker = Pick<Identity, "businessId" | "userId"> & { apiKey?: KeyUse | undefined };

/**
 * Inserts jobs, within the limits of the key that they are made with, and notes on the key what is left of these. Throws
 * `rate_limited` if they do not fit; then nothing is inserted and nothing is used.
 */
export async function insertFor(
  jobs: Pick<JobStore, "insert" | "insertWithin">,
  { apiKey }: Maker,
  wanted: readonly NewJob[],
  nowMs: number,
): Promise<InsertOutcome[]> {
  if (!isLimited(apiKey)) return jobs.insert(wanted);
  return admitted(apiKey, await jobs.insertWithin(wanted, apiKey, nowMs));
}

/** Runs `retry` while the key has places for so many jobs. Throws `rate_limited` if it has not. */
export async function retryFor<Result>(
  jobs: Pick<JobStore, "hold" | "release">,
  { apiKey }: Maker,
  { count, nowMs }: { count: number; nowMs: number },
  retry: () => Promise<Result>,
): Promise<Result> {
  if (!isLimited(apiKey)) return retry();
  const holdId = admitted(apiKey, await jobs.hold(apiKey, count, nowMs));
  try {
    return await retry();
  } finally {
    await jobs.release(apiKey.apiKeyId, holdId);
  }
}

/** Throws `forbidden` if a key must not make jobs of these types. */
export function checkTypes({ apiKey }: Maker, manifests: readonly Pick<JobManifest, "type">[]): void {
  const allowed = apiKey?.allowedJobTypes;
  const other = allowed && manifests.find(({ type }) => !allowed.includes(type));
  if (!other) return;
  throw new ComputeError(
    "forbidden",
    `The API key ${nameOf(apiKey)} may only make jobs of type ${allowed.join(" or ")}, not ${other.type}.`,
  );
}

/** Throws `forbidden` for a key with limits, because nobody knows beforehand how many jobs this makes. */
export function refuseLimited({ apiKey }: Maker, what: string): void {
  if (!isLimited(apiKey) && !apiKey?.allowedJobTypes) return;
  throw new ComputeError("forbidden", `The API key ${nameOf(apiKey)} has limits, and cannot ${what}.`);
}

/** Throws `rate_limited` if the key could not make a job now. Uses nothing, so another job may be faster. */
export async function checkRoom(
  jobs: Pick<JobStore, "hold">,
  { apiKey }: Maker,
  nowMs: number,
): Promise<void> {
  if (!isLimited(apiKey)) return;
  const { left } = await jobs.hold(apiKey, 0, nowMs);
  const by = left.find(({ remaining }) => remaining === 0);
  if (by)
    admitted(apiKey, {
      kind: "refused",
      by,
      left,
      jobs: 1,
      retryAfterSeconds: by.resetSeconds ?? RETRY_SECONDS,
    });
}

/** Nobody knows when a job ends. */
const RETRY_SECONDS = 10;

type Limited = KeyUse & ({ maxJobsPerHour: number } | { maxConcurrent: number });

function isLimited(apiKey: KeyUse | undefined): apiKey is Limited {
  return apiKey?.maxJobsPerHour !== undefined || apiKey?.maxConcurrent !== undefined;
}

function admitted<Result>(apiKey: KeyUse, outcome: WithinLimits<Result>): Result {
  apiKey.left = outcome.left;
  if (outcome.kind === "within") return outcome.result;
  throw new ComputeError("rate_limited", reasonOf(apiKey, outcome), {
    retryAfterSeconds: outcome.retryAfterSeconds,
    headers: rateLimitHeaders(outcome.left),
  });
}

function reasonOf(apiKey: KeyUse, { by, jobs }: LimitRefusal): string {
  const { policy, limit, remaining } = by;
  const per = policy === "jobs-per-hour" ? "an hour" : "at a time";
  const left = remaining === 0 ? "none is left" : `only ${remaining} ${remaining === 1 ? "is" : "are"} left`;
  const why = jobs > limit ? `these are ${jobs}, which never fit` : left;
  return `The API key ${nameOf(apiKey)} may make ${counted(limit, "job")} ${per}, and ${why}. Nothing was submitted.`;
}

function nameOf(apiKey: KeyUse | undefined): string {
  return `${apiKey?.name} (${apiKey?.apiKeyId})`;
}
