import type { ExecutionEnd } from "../../shared/execution.ts";
import type { JobType } from "../../shared/job-fields.ts";
import type { LineRuns } from "../../shared/line-runs.ts";
import type { Assignment, JobInputs } from "../../shared/node.ts";
import type { EventsFile, TaskGpu, WorkflowSettings } from "../executors/port/executor.ts";
import type { TaskLimits, TaskSample } from "../limits/limits.ts";
import type { JobAccount } from "../process/account.ts";
import type { Environment } from "../process/environment.ts";
import type { JobGrants } from "./job-grants.ts";

/**
 * The protocol between agent and supervisor: messages of one line of JSON each, over a socket in the agent's directory.
 * An agent may meet a supervisor that was started before an upgrade, so the protocol may grow, but what exists must keep
 * its meaning under the same number.
 */
export const PROTOCOL = 2;

/** Everything it takes to run an execution, already decided. */
export interface StartOrder {
  assignment: Assignment;
  nodeId: string;
  limits: TaskLimits;
  gpus: TaskGpu[];
  /** The part of the agent's environment that jobs may see. */
  environment: Environment;
  /** The account the job runs as; absent: the supervisor's own. */
  account?: JobAccount | undefined;
  /** The soft limit of open files; absent: that of the supervisor. */
  openFiles?: number | undefined;
  /** Only for a job of type GITHUB_ACTION. */
  workflow?: WorkflowSettings | undefined;
  /** Files, results and secrets for the job; absent: it asks for none. Only in memory: it may contain secrets. */
  files?: OrderedFiles;
}

/** What a job gets besides its manifest. The blobs of the inputs are in the node's cache. */
export interface OrderedFiles extends JobInputs {
  /** The directory of the cache. */
  cache: string;
  /** Bytes that came over the network for this job so far. */
  fetchedBytes: number;
  /** The cache does not have everything yet. `found` follows. */
  areComing?: boolean;
}

/** The cache has everything that a job needs; or it cannot have it, and why. */
export interface Found {
  problem?: string | undefined;
  /** Bytes that came over the network since the job was handed over. */
  fetchedBytes?: number | undefined;
}

/** The facts about an execution that `agent status` shows. */
export interface ExecutionFacts {
  jobId: string;
  name?: string;
  type: JobType;
  attempt: number;
  /** Its limits. */
  limits: TaskLimits;
  /** The GPUs it has while it runs. Supervisors of earlier versions do not send them. */
  gpus?: TaskGpu[];
}

export function factsOf({ assignment, limits, gpus }: StartOrder): ExecutionFacts {
  const { jobId, attempt, manifest } = assignment;
  return { jobId, name: manifest.name, type: manifest.type, attempt, limits, gpus };
}

/** From agent to supervisor. An order for an execution that the supervisor does not have is ignored. */
export type Order =
  /** Applies to jobs that start from then on. */
  | { type: "grants"; grants: JobGrants }
  | { type: "start"; order: StartOrder }
  /** TERM, the job's grace, KILL. */
  | { type: "cancel"; executionId: string }
  /** KILL immediately, without a report. */
  | { type: "kill"; executionId: string }
  /** Follows `lost`, and an order whose files are still coming. */
  | ({ type: "found"; executionId: string } & Found)
  /** The server has all lines up to `seq`. */
  | { type: "stored"; executionId: string; seq: number }
  /** The lines of this execution are not needed any more. */
  | { type: "drop"; executionId: string }
  /** The server has the result; nothing of the execution is needed any more. */
  | { type: "forget"; executionId: string }
  /** Asks what the running executions use. A supervisor of an earlier version does not answer. */
  | { type: "sample" }
  /** Unsent lines belong on disk until the server is back. */
  | { type: "serverAway" }
  | { type: "serverBack" }
  /** No new execution comes. End as soon as nothing runs, and leave on disk what could not be handed over. */
  | { type: "end" };

/** An execution that a supervisor holds when an agent connects. Its lines after `storedSeq` follow without a request. */
export interface HeldExecution {
  executionId: string;
  startedAt?: string;
  /** Absent when the execution ended under an earlier supervisor. */
  facts?: ExecutionFacts;
  /** What enforces its limits, if it was started. */
  enforcedBy?: string;
  /** The highest seq so far. */
  lastSeq: number;
  storedSeq: number;
  /** Where it writes its events while it runs. */
  events?: EventsFile | undefined;
  ended?: EndedExecution;
}

/** How an execution ended on this node. */
export type RunEnd = ExecutionEnd & { status: "SUCCEEDED" | "FAILED" | "CANCELLED" };

/** The end of an execution whose supervisor died. The next supervisor has killed what was left of it. */
export const diedWithSupervisor = {
  status: "FAILED",
  reason: "AgentRestarted",
  message: "The part of the agent that held the job died, so the job was ended.",
} as const satisfies RunEnd;

export interface EndedExecution {
  at: string;
  end: RunEnd;
  /** The job's directory stays until `forget`, so that the agent can collect these first. */
  outputs?: WaitingOutputs | undefined;
  /** The same for its events. */
  events?: EventsFile | undefined;
}

/** Whether something waits in the directory of a job that is over. */
export function keepsDirectory(ended: EndedExecution | undefined): boolean {
  return ended?.outputs !== undefined || ended?.events !== undefined;
}

/** Outputs in the directory of a job that is over. */
export interface WaitingOutputs {
  globs: string[];
  /** The directory below which the globs are. */
  root: string;
  /** The job's own directory. */
  directory: string;
  /** Paths below the job's own directory that are never outputs. */
  exclude: string[];
  /** Only files of this account are outputs; absent: any. */
  ownerUid?: number | undefined;
}

/** What an execution uses now. */
export interface ExecutionSample extends TaskSample {
  executionId: string;
}

/** From supervisor to agent. The first is always `hello`. */
export type News =
  | {
      type: "hello";
      protocol: number;
      pid: number;
      executions: HeldExecution[];
      /** What enforces the limits of jobs there, by type, in words. */
      enforcedBy?: Partial<Record<JobType, string>>;
    }
  /** Only in answer to `sample`. */
  | { type: "usage"; samples: ExecutionSample[] }
  | { type: "started"; executionId: string; at: string; enforcedBy?: string; events?: EventsFile }
  | ({ type: "lines"; executionId: string } & LineRuns)
  /** A blob of the job's files is damaged in the cache, or is not there. The job waits for `found`. */
  | { type: "lost"; executionId: string; sha256: string }
  /** `lastSeq`: the seq of the last line. Lines that the agent does not have yet follow. */
  | ({ type: "ended"; executionId: string; lastSeq: number } & EndedExecution);
