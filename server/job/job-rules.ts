import { parseArrayIndexes } from "../../shared/array-indexes.ts";
import type { Identity } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { isFinal, nextJobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { startTimeMs } from "../../shared/start-time.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import type { JobGate, JobRecord } from "./job-record.ts";
import { queueKeyOf } from "./requirement.ts";

/** The template or schedule that a job is made from, and the API key that it is made with, if any. */
export interface JobOrigin {
  templateId?: string | undefined;
  scheduleId?: string | undefined;
  apiKeyId?: string | undefined;
}

/** Whether a start time is further ahead than the relative one that was asked for, like `+10m`, can ever be. Pure. */
export function isTooLate(notBeforeMs: number, asked: string, nowMs: number): boolean {
  return notBeforeMs > startTimeMs(asked, nowMs) + CLOCK_SKEW_MS;
}

/** Makes a job from a manifest that was just submitted. */
export function newJob(
  by: Pick<Identity, "businessId" | "userId">,
  manifest: JobManifest,
  origin: JobOrigin,
  nowMs: number,
): JobRecord {
  const notBeforeMs = manifest.notBefore === undefined ? undefined : startTimeMs(manifest.notBefore, nowMs);
  const gate = gateOf(manifest);
  return {
    jobId: newId("job"),
    businessId: by.businessId,
    userId: by.userId,
    templateId: origin.templateId,
    scheduleId: origin.scheduleId,
    apiKeyId: origin.apiKeyId,
    arrayId: undefined,
    gate,
    manifest,
    queueKey: queueKeyOf(manifest, by.userId),
    status: "QUEUED",
    attempt: 0,
    retryCount: 0,
    lostCount: 0,
    agentDeaths: 0,
    rerunOf: undefined,
    executionId: undefined,
    nodeId: undefined,
    end: undefined,
    cancelRequestedAtMs: undefined,
    createdAtMs: nowMs,
    notBeforeMs: notBeforeMs !== undefined && notBeforeMs > nowMs ? notBeforeMs : undefined,
    // A job that waits for other jobs does not wait for a node yet, and an array never does.
    queueDeadlineMs:
      gate === undefined || gate === "group"
        ? queueDeadlineOf(manifest, Math.max(nowMs, notBeforeMs ?? 0))
        : undefined,
    assignedAtMs: undefined,
    startedAtMs: undefined,
    finishedAtMs: undefined,
  };
}

/** The job after somebody asked to cancel it; undefined if that changes nothing. Pure. */
export function cancelled(job: JobRecord, nowMs: number): JobRecord | undefined {
  if (isFinal(job.status) || job.cancelRequestedAtMs !== undefined) return undefined;
  const asked = { ...job, cancelRequestedAtMs: nowMs };
  if (job.status !== "QUEUED") return asked;
  // An array is cancelled when its jobs are.
  if (job.gate === "array") return asked;
  const status = nextJobStatus(job.status, "cancel");
  return { ...asked, status, gate: undefined, notBeforeMs: undefined, finishedAtMs: nowMs };
}

/** The gate of a job that was just submitted or is retried by hand. */
function gateOf(manifest: JobManifest): JobGate | undefined {
  if (manifest.array !== undefined) return "array";
  if (manifest.after) return "after";
  return manifest.concurrency ? "group" : undefined;
}

/** The jobs of an array: each has the array's manifest and an index of its own. Empty for any other job. */
export function newArray(array: JobRecord): JobRecord[] {
  if (array.manifest.array === undefined) return [];
  const { array: spec, ...manifest } = array.manifest;
  const { indexes, atOnce } = parseArrayIndexes(spec);
  const concurrency: JobManifest["concurrency"] =
    atOnce === undefined
      ? manifest.concurrency
      : { group: `array:${array.jobId}`, limit: atOnce, cancelInProgress: false };
  return indexes.map((index) => {
    const own: JobManifest = {
      ...manifest,
      name: manifest.name === undefined ? undefined : `${manifest.name}[${index}]`,
      concurrency,
      env: { ...manifest.env, TANVRIT_ARRAY_INDEX: String(index), TANVRIT_ARRAY_ID: array.jobId },
    };
    return { ...newJob(array, own, array, array.createdAtMs), arrayId: array.jobId };
  });
}

/** Queues a finished job again, for a retry by hand. `waits`: it waits again for the jobs it comes after. Pure. */
export function retried(job: JobRecord, nowMs: number, waits: boolean, rerunOf?: string): JobRecord {
  const gate = gateOf(waits ? job.manifest : { ...job.manifest, after: undefined });
  return {
    ...requeue(job, "retry"),
    cancelRequestedAtMs: undefined,
    retryCount: 0,
    lostCount: 0,
    agentDeaths: 0,
    rerunOf,
    gate,
    queueDeadlineMs: gate === "after" ? undefined : queueDeadlineOf(job.manifest, nowMs),
  };
}

/** The time at which a job that may be handed out from `fromMs` on expires; undefined if it never does. */
export function queueDeadlineOf(manifest: JobManifest, fromMs: number): number | undefined {
  return manifest.queueTtlSeconds === undefined
    ? undefined
    : fromMs + Math.ceil(manifest.queueTtlSeconds * 1_000);
}

/** Queues a job for another attempt. In a concurrency group it waits for its turn like any other job. Pure. */
export function requeue(job: JobRecord, event: "release" | "requeue" | "retry"): JobRecord {
  return {
    ...withoutAttempt(job),
    status: nextJobStatus(job.status, event),
    gate: job.manifest.concurrency ? "group" : undefined,
  };
}

/** The job without the fields that belong to an attempt. */
export function withoutAttempt(job: JobRecord): JobRecord {
  return {
    ...job,
    executionId: undefined,
    nodeId: undefined,
    notBeforeMs: undefined,
    assignedAtMs: undefined,
    startedAtMs: undefined,
    finishedAtMs: undefined,
  };
}

/** The longest wait of a job whose assignment was put back. */
export const PUT_BACK_MAX_MS = 600_000;
