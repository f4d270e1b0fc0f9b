import type { Job } from "../../shared/job.ts";
import { isoTime } from "../http/iso-time.ts";
import type { JobRecord } from "./job-record.ts";

/** A job as the API shows it, with facts that are not part of its record. */
export function jobView(record: JobRecord, unschedulableReason?: string, costMicroUsd?: number): Job {
  return {
    ...record.manifest,
    ...record.end,
    jobId: record.jobId,
    businessId: record.businessId,
    userId: record.userId,
    templateId: record.templateId,
    scheduleId: record.scheduleId,
    apiKeyId: record.apiKeyId,
    arrayId: record.arrayId,
    hold: record.gate,
    status: record.status,
    attempt: record.attempt,
    retryCount: record.retryCount,
    lostCount: record.lostCount,
    executionId: record.executionId,
    nodeId: record.nodeId,
    unschedulableReason,
    costMicroUsd,
    cancelRequestedAt: isoTime(record.cancelRequestedAtMs),
    createdAt: isoTime(record.createdAtMs),
    notBefore: isoTime(record.notBeforeMs),
    assignedAt: isoTime(record.assignedAtMs),
    startedAt: isoTime(record.startedAtMs),
    finishedAt: isoTime(record.finishedAtMs),
  };
}
