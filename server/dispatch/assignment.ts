import { nextJobStatus } from "../../shared/job-state.ts";
import type { Assigned } from "../execution/execution-store.ts";
import { leaseOf } from "../execution/rules.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { AssignRequest } from "./assign-store.ts";

/** A queued job as it is once the node has it, and its new execution. Pure. */
export function assignmentOf(
  { businessId, nodeId, nowMs, leaseExpiresAtMs }: AssignRequest,
  queued: JobRecord,
  { executionId, gpuIndexes }: Pick<ExecutionRecord, "executionId" | "gpuIndexes">,
): Assigned {
  const attempt = queued.attempt + 1;
  const notYet = { end: undefined, startedAtMs: undefined, finishedAtMs: undefined };
  const execution: ExecutionRecord = {
    executionId,
    jobId: queued.jobId,
    businessId,
    userId: queued.userId,
    nodeId,
    attempt,
    status: "ASSIGNED",
    resources: queued.manifest.resources,
    gpuIndexes,
    leaseExpiresAtMs: leaseOf(queued.manifest, nowMs, leaseExpiresAtMs),
    deadlineAtMs: undefined,
    assignedAtMs: nowMs,
    ...notYet,
  };
  const status = nextJobStatus(queued.status, "assign");
  const job: JobRecord = { ...queued, status, attempt, executionId, nodeId, assignedAtMs: nowMs, ...notYet };
  return { job, execution };
}
