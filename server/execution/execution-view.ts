import type { Execution } from "../../shared/execution.ts";
import type { Assignment } from "../../shared/node.ts";
import { isoTime } from "../http/iso-time.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import type { Assigned } from "./execution-store.ts";

/** An execution as the API shows it. */
export function executionView(record: ExecutionRecord, logLines: number): Execution {
  return {
    ...record.end,
    executionId: record.executionId,
    jobId: record.jobId,
    nodeId: record.nodeId,
    attempt: record.attempt,
    status: record.status,
    resources: record.resources,
    gpuIndexes: record.gpuIndexes,
    logLines,
    assignedAt: isoTime(record.assignedAtMs),
    startedAt: isoTime(record.startedAtMs),
    finishedAt: isoTime(record.finishedAtMs),
  };
}

/** An execution as its node gets it, with the limit on the output that is kept of it. */
export function assignmentView({ job, execution }: Assigned, maxLogBytes: number): Assignment {
  return {
    executionId: execution.executionId,
    jobId: job.jobId,
    userId: job.userId,
    attempt: execution.attempt,
    manifest: job.manifest,
    resources: execution.resources,
    gpuIndexes: execution.gpuIndexes,
    maxLogBytes,
    leaseExpiresAt: isoTime(execution.leaseExpiresAtMs),
  };
}
