import { z } from "zod";

/** The life of a job: which event leads from which status to which. */
const transitions = {
  QUEUED: { assign: "ASSIGNED", cancel: "CANCELLED" },
  ASSIGNED: {
    start: "RUNNING",
    release: "QUEUED",
    succeed: "SUCCESS",
    fail: "FAILED",
    timeout: "TIMEOUT",
    cancel: "CANCELLED",
    retry: "QUEUED",
  },
  RUNNING: {
    succeed: "SUCCESS",
    fail: "FAILED",
    timeout: "TIMEOUT",
    cancel: "CANCELLED",
    retry: "QUEUED",
  },
  SUCCESS: { retry: "QUEUED" },
  FAILED: { retry: "QUEUED" },
  TIMEOUT: { retry: "QUEUED" },
  CANCELLED: { retry: "QUEUED" },
} as const;

export type JobStatus = keyof typeof transitions;
export type JobEvent = "assign" | "start" | "release" | "succeed" | "fail" | "timeout" | "cancel" | "retry";
export type FinalJobStatus = z.infer<typeof finalJobStatus>;

export const jobStatus = z.enum(Object.keys(transitions) as [JobStatus, ...JobStatus[]]);
export const finalJobStatus = z.enum(["SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"]);

/** The status after `event`, or undefined where the event has no meaning in that status. Pure. */
export function nextJobStatus(status: JobStatus, event: JobEvent): JobStatus | undefined {
  return (transitions[status] as Partial<Record<JobEvent, JobStatus>>)[event];
}

/** The statuses in which `event` means something: what a conditional write must find. */
export function statusesBefore(event: JobEvent): JobStatus[] {
  return (Object.keys(transitions) as JobStatus[]).filter((status) => nextJobStatus(status, event));
}

export function isFinal(status: JobStatus): status is FinalJobStatus {
  return status === "SUCCESS" || status === "FAILED" || status === "TIMEOUT" || status === "CANCELLED";
}

/** The event that gives a job its final status. */
export const finalEvent = {
  SUCCESS: "succeed",
  FAILED: "fail",
  TIMEOUT: "timeout",
  CANCELLED: "cancel",
} as const satisfies Record<FinalJobStatus, JobEvent>;

/** One attempt of a job on one node. */
export const executionStatus = z.enum(["ASSIGNED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]);
export type ExecutionStatus = z.infer<typeof executionStatus>;
