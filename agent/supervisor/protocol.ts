import type { ExecutionEnd } from "../../shared/execution.ts";
import type { LogLine } from "../../shared/log.ts";
import type { JobType } from "../../shared/manifest.ts";
import type { Assignment } from "../../shared/node.ts";
import type { TaskGpu } from "../executors/port/executor.ts";
import type { TaskLimits } from "../limits/limits.ts";
import type { JobAccount } from "../process/account.ts";
import type { Environment } from "../process/environment.ts";
import type { Grants } from "./grants.ts";

/**
 * What agent and supervisor say to each other: JSON, a line each, over a socket in the agent's own directory. An
 * agent of another version may find a supervisor that was started before the upgrade, so what is here may grow, but
 * never change its meaning under the same number.
 */
export const PROTOCOL = 1;

/** All that is needed to run an execution, already decided. */
export interface StartOrder {
  assignment: Assignment;
  nodeId: string;
  limits: TaskLimits;
  gpus: TaskGpu[];
  /** The part of the agent's environment that jobs may see. */
  environment: Environment;
  /** Who the job runs as; absent: the supervisor's own account. */
  account?: JobAccount | undefined;
  /** The soft limit of open files; absent: that of the supervisor. */
  openFiles?: number | undefined;
}

/** What an execution is, for people who ask the agent what it does. */
export interface ExecutionFacts {
  jobId: string;
  name?: string;
  type: JobType;
  attempt: number;
  /** What it is held to. */
  limits: TaskLimits;
  /** Its own while it runs. A supervisor of an earlier version does not say. */
  gpus?: TaskGpu[];
}

export function factsOf({ assignment, limits, gpus }: StartOrder): ExecutionFacts {
  const { jobId, attempt, manifest } = assignment;
  return { jobId, name: manifest.name, type: manifest.type, attempt, limits, gpus };
}

/** From agent to supervisor. An order for an execution the supervisor does not have means nothing. */
export type Order =
  /** Counts for what is started from then on. */
  | { type: "grants"; grants: Grants }
  | { type: "start"; order: StartOrder }
  /** TERM, the job's grace, KILL. */
  | { type: "cancel"; executionId: string }
  /** At once and without a word. */
  | { type: "kill"; executionId: string }
  /** The server has all lines up to here. */
  | { type: "stored"; executionId: string; seq: number }
  /** Nobody wants the lines of this execution any more. */
  | { type: "drop"; executionId: string }
  /** The server has the result; nothing of the execution is needed any more. */
  | { type: "forget"; executionId: string }
  /** What is not sent belongs on disk, until the server is back. */
  | { type: "serverAway" }
  | { type: "serverBack" }
  /** No new execution comes: end as soon as nothing runs, and leave on disk what could not be handed over. */
  | { type: "end" };

/** An execution as a supervisor has it when an agent comes. Its lines after `storedSeq` follow by themselves. */
export interface HeldExecution {
  executionId: string;
  startedAt?: string;
  /** Absent where it ended under an earlier supervisor. */
  facts?: ExecutionFacts;
  /** What keeps the limits of one that was started. */
  enforcedBy?: string;
  /** The highest seq there is so far. */
  lastSeq: number;
  storedSeq: number;
  ended?: EndedExecution;
}

/** How an execution ended on this node. */
export type RunEnd = ExecutionEnd & { status: "SUCCEEDED" | "FAILED" | "CANCELLED" };

/** Of one whose supervisor died, and which the next ended for certain. */
export const diedWithSupervisor = {
  status: "FAILED",
  reason: "AgentRestarted",
  message: "The part of the agent that held the job died, and the job was ended.",
} as const satisfies RunEnd;

export interface EndedExecution {
  at: string;
  end: RunEnd;
}

/** From supervisor to agent. The first is always `hello`. */
export type News =
  | {
      type: "hello";
      protocol: number;
      pid: number;
      executions: HeldExecution[];
      /** What holds jobs of each type to their limits there, for people. */
      enforcedBy?: Partial<Record<JobType, string>>;
    }
  | { type: "started"; executionId: string; at: string; enforcedBy?: string }
  | { type: "lines"; executionId: string; lines: LogLine[] }
  /** `lastSeq`: the last line there will be. Those the agent does not have yet follow. */
  | ({ type: "ended"; executionId: string; lastSeq: number } & EndedExecution);
