import type { FinalJobStatus } from "../../shared/job-state.ts";
import { type Reason, type ReasonRule, reasons } from "../../shared/reasons.ts";
import { backoffMs } from "../../shared/wait.ts";

/** The command exited with a status other than 0, or by a signal we did not send. */
const ownExit: Omit<ReasonRule, "help"> = { status: "FAILED", mayRetry: true };

export interface Ending {
  /** Reported by the agent or by a task of the server. */
  outcome: "SUCCEEDED" | "FAILED" | "CANCELLED";
  reason: Reason | undefined;
  /** Retries used so far after failures of the job, and after lost nodes. */
  retryCount: number;
  lostCount: number;
  /** How many agents have died while they ran the job. */
  agentDeaths: number;
  /** The limit for `retryCount` and `lostCount`, each on its own. */
  maxRetries: number;
  /** Whether the job's own `retryOn` allows a retry; undefined if it has none. */
  byRetryOn: boolean | undefined;
  /** Somebody asked to cancel the job before it ended. */
  cancelRequested: boolean;
}

/**
 * After this many dead agents the job is taken to be what kills them, and it is not retried even if it has retries left.
 * Lost nodes do not count: a machine that sleeps or has no network has not died, and maxRetries bounds those retries.
 */
export const MAX_AGENT_DEATHS = 3;

export type EndingDecision =
  | { status: FinalJobStatus; retry: false; killsAgents?: true }
  | { retry: true; lost: boolean };

/** Decides between a final status and another attempt when a job's current execution ends. Pure. */
export function decideEnding(ending: Ending): EndingDecision {
  if (ending.outcome === "SUCCEEDED") return { status: "SUCCESS", retry: false };
  if (ending.outcome === "CANCELLED") return { status: "CANCELLED", retry: false };
  const rule: Omit<ReasonRule, "help"> = ending.reason ? reasons[ending.reason] : ownExit;
  if (ending.cancelRequested) {
    // A cancelled job is never retried. If only its node or agent went away, it counts as cancelled.
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

const RETRY_FIRST_MS = 1_000;
/** The longest wait before a retry. */
export const RETRY_MAX_MS = 300_000;

/** Milliseconds to wait before retry `retryCount + 1` of a job: 0.5–1 s, 1–2 s, 2–4 s … at most 5 minutes. */
export function retryDelayMs(retryCount: number, random: () => number = Math.random): number {
  return Math.round(backoffMs({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS }, retryCount, random));
}
