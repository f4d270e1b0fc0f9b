import type { Job } from "../../shared/job.ts";
import { isoTime } from "../execution/execution-view.ts";
import type { JobRecord } from "./job-record.ts";

/** A job as the API shows it. */
export function jobView(record: JobRecord, unschedulableReason?: string): Job {
  return {
    ...record.manifest,
    ...record.end,
    jobId: record.jobId,
    businessId: record.businessId,
    userId: record.userId,
    templateId: record.templateId,
    scheduleId: record.scheduleId,
    status: record.status,
    attempt: record.attempt,
    retryCount: record.retryCount,
    lostCount: record.lostCount,
    executionId: record.executionId,
    nodeId: record.nodeId,
    unschedulableReason,
    cancelRequestedAt: isoTime(record.cancelRequestedAtMs),
    createdAt: isoTime(record.createdAtMs),
    notBefore: isoTime(record.notBeforeMs),
    assignedAt: isoTime(record.assignedAtMs),
    startedAt: isoTime(record.startedAtMs),
    finishedAt: isoTime(record.finishedAtMs),
  };
}
