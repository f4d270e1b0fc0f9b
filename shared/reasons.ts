import { z } from "zod";
import type { FinalJobStatus } from "./job-state.ts";

/**
 * Why an execution ended, when it was not simply the command's own exit: what it makes of the job, and whether the
 * job may be tried again while `retryCount < maxRetries`. This table is the only place that decides it.
 */
export const reasons = {
  ResourceExceeded: { status: "FAILED", mayRetry: false, help: "the job used more than its cap" },
  Timeout: { status: "TIMEOUT", mayRetry: false, help: "the job ran longer than its timeoutSeconds" },
  CreditExhausted: { status: "FAILED", mayRetry: false, help: "the credit for hosted nodes was used up" },
  StartFailed: { status: "FAILED", mayRetry: true, help: "the node could not start the command" },
  StartTimeout: {
    status: "FAILED",
    mayRetry: true,
    help: "no node started it within its startTimeoutSeconds",
  },
  QueueExpired: { status: "TIMEOUT", mayRetry: false, help: "it waited longer than its queueTtlSeconds" },
  Skipped: { status: "CANCELLED", mayRetry: false, help: "a job it comes after did not end as it must" },
  NodeLost: { status: "FAILED", mayRetry: true, lost: true, help: "the node stopped answering" },
  AgentRestarted: {
    status: "FAILED",
    mayRetry: true,
    lost: true,
    help: "the agent died or restarted under the job",
  },
  Revoked: { status: "FAILED", mayRetry: true, lost: true, help: "the node was removed or lost its access" },
} as const satisfies Record<string, ReasonRule>;

interface ReasonRule {
  status: FinalJobStatus;
  mayRetry: boolean;
  /** The node's fault, not the job's: counted apart. */
  lost?: true;
  help: string;
}

export type Reason = keyof typeof reasons;
export const reason = z.enum(Object.keys(reasons) as [Reason, ...Reason[]]);

/** The command ended by itself with a status other than 0, or by a signal that was not ours. */
const ownExit: Omit<ReasonRule, "help"> = { status: "FAILED", mayRetry: true };

export interface Ending {
  /** What the agent, or a task of the server, says of the execution. */
  outcome: "SUCCEEDED" | "FAILED" | "CANCELLED";
  reason: Reason | undefined;
  /** Tries again after failures of its own, and after nodes that were lost, used so far. */
  retryCount: number;
  lostCount: number;
  /** How often its agent died under the job before. */
  agentDeaths: number;
  /** For either of the two. */
  maxRetries: number;
  /** Whether it may be tried again by the job's own `retryOn`; undefined where it has none. */
  byRetryOn: boolean | undefined;
  /** Somebody asked to cancel the job before it ended. */
  cancelRequested: boolean;
}

/**
 * A job under which so many agents died is taken to be what kills them, and is not let near another one, however
 * often it may be tried again. Nodes that were lost do not count: a machine that sleeps or has no network is no
 * death, and those tries are bounded by the job's maxRetries.
 */
export const MAX_AGENT_DEATHS = 3;

export type EndingDecision =
  | { status: FinalJobStatus; retry: false; killsAgents?: true }
  | { retry: true; lost: boolean };

/** What becomes of a job whose current execution ended: its final status, or another attempt. Pure. */
export function decideEnding(ending: Ending): EndingDecision {
  if (ending.outcome === "SUCCEEDED") return { status: "SUCCESS", retry: false };
  if (ending.outcome === "CANCELLED") return { status: "CANCELLED", retry: false };
  const rule: Omit<ReasonRule, "help"> = ending.reason ? reasons[ending.reason] : ownExit;
  if (ending.cancelRequested) {
    // What somebody asked to end is never tried again; where only its node or agent went, it ended as asked.
    const endedAsAsked = ending.reason !== undefined && rule.mayRetry;
    return { status: endedAsAsked ? "CANCELLED" : rule.status, retry: false };
  }
  if (ending.reason === "AgentRestarted" && ending.agentDeaths + 1 >= MAX_AGENT_DEATHS) {
    return { status: rule.status, retry: false, killsAgents: true };
  }
  const lost = rule.lost === true;
  const used = lost ? ending.lostCount : ending.retryCount;
  if ((ending.byRetryOn ?? rule.mayRetry) && used < ending.maxRetries) return { retry: true, lost };
  return { status: rule.status, retry: false };
}

const RETRY_BASE_MS = 1_000;
/** No retry waits longer. */
export const RETRY_MAX_MS = 300_000;

/**
 * How long to wait before attempt `retryCount + 1`: exponential with "equal jitter" (half fixed, half random), so that
 * jobs which failed together do not come back together. 0.5–1 s, 1–2 s, 2–4 s … at most 5 minutes.
 */
export function retryDelayMs(retryCount: number, random: () => number = Math.random): number {
  const ceiling = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(retryCount, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
