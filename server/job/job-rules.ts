import type { Identity } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { isFinal, nextJobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { queueKeyOf } from "../execution/matching.ts";
import { queueDeadlineOf, requeue } from "../execution/rules.ts";
import type { JobRecord } from "./job-record.ts";

/** What a job is made from, where it is not simply submitted. */
export interface JobOrigin {
  templateId?: string;
  scheduleId?: string;
}

/** A job as it is when it was just submitted. */
export function newJob(
  by: Pick<Identity, "businessId" | "userId">,
  manifest: JobManifest,
  origin: JobOrigin,
  nowMs: number,
): JobRecord {
  const notBeforeMs = manifest.notBefore === undefined ? undefined : Date.parse(manifest.notBefore);
  return {
    jobId: newId("job"),
    businessId: by.businessId,
    userId: by.userId,
    templateId: origin.templateId,
    scheduleId: origin.scheduleId,
    manifest,
    queueKey: queueKeyOf(manifest, by.userId),
    status: "QUEUED",
    attempt: 0,
    retryCount: 0,
    lostCount: 0,
    executionId: undefined,
    nodeId: undefined,
    end: undefined,
    cancelRequestedAtMs: undefined,
    createdAtMs: nowMs,
    notBeforeMs: notBeforeMs !== undefined && notBeforeMs > nowMs ? notBeforeMs : undefined,
    queueDeadlineMs: queueDeadlineOf(manifest, Math.max(nowMs, notBeforeMs ?? 0)),
    assignedAtMs: undefined,
    startedAtMs: undefined,
    finishedAtMs: undefined,
  };
}

/** The job when somebody has asked to cancel it; undefined where that changes nothing. Pure. */
export function cancelled(job: JobRecord, nowMs: number): JobRecord | undefined {
  if (isFinal(job.status) || job.cancelRequestedAtMs !== undefined) return undefined;
  const asked = { ...job, cancelRequestedAtMs: nowMs };
  if (job.status !== "QUEUED") return asked;
  const status = nextJobStatus(job.status, "cancel") ?? job.status;
  return { ...asked, status, notBeforeMs: undefined, finishedAtMs: nowMs };
}

/** The job when somebody has asked to run it again; undefined where it is not over yet. Pure. */
export function retried(job: JobRecord, nowMs: number): JobRecord | undefined {
  if (!isFinal(job.status)) return undefined;
  return {
    ...requeue(job),
    cancelRequestedAtMs: undefined,
    retryCount: 0,
    lostCount: 0,
    queueDeadlineMs: queueDeadlineOf(job.manifest, nowMs),
  };
}

/** Of what a job's idempotency key was used for. */
export function hashOf(body: unknown): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(body)).digest("base64url");
}
