import { z } from "zod";
import type { FinalJobStatus } from "./job-state.ts";

/**
 * Why an execution ended other than by the command's own exit, the status it gives the job, and whether the job may be
 * retried while `retryCount < maxRetries`. Only this table decides that.
 */
export const reasons = {
  ResourceExceeded: { status: "FAILED", mayRetry: false, help: "the job used more than its limit" },
  Timeout: { status: "TIMEOUT", mayRetry: false, help: "the job ran longer than its timeoutSeconds" },
  CreditExhausted: { status: "FAILED", mayRetry: false, help: "the credit for hosted nodes was used up" },
  StartFailed: { status: "FAILED", mayRetry: true, help: "the node could not start the command" },
  StartTimeout: {
    status: "FAILED",
    mayRetry: true,
    help: "no node started it within its startTimeoutSeconds",
  },
  QueueExpired: { status: "TIMEOUT", mayRetry: false, help: "it waited longer than its queueTtlSeconds" },
  Skipped: { status: "CANCELLED", mayRetry: false, help: "a job it comes after did not end as required" },
  NodeLost: { status: "FAILED", mayRetry: true, lost: true, help: "the node stopped answering" },
  AgentRestarted: {
    status: "FAILED",
    mayRetry: true,
    lost: true,
    help: "the agent died or restarted while the job ran",
  },
  Revoked: { status: "FAILED", mayRetry: true, lost: true, help: "the node was removed or lost its access" },
} as const satisfies Record<string, ReasonRule>;

export interface ReasonRule {
  status: FinalJobStatus;
  mayRetry: boolean;
  /** The node's fault, not the job's: counted separately. */
  lost?: true;
  help: string;
}

export type Reason = keyof typeof reasons;
export const reason = z.enum(Object.keys(reasons) as [Reason, ...Reason[]]);
