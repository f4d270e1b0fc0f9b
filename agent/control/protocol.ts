import type { NodeStatus } from "../../shared/node.ts";
import type { RunningExecution } from "../worker/worker.ts";

/**
 * What the owner's commands and a running agent say to each other: one request and one answer, JSON, a line each, over
 * a socket in the agent's directory. A command of another version may ask, so this may grow, but never change its
 * meaning.
 */
export type ControlRequest =
  | { type: "status" }
  /** The server is to give this node no new jobs; it keeps that in mind, also over a restart of the agent. */
  | { type: "drain" }
  /** And to give it jobs again. */
  | { type: "resume" }
  /** The agent is to end. Answered at once; it has ended when its lock is free. */
  | { type: "stop"; how: StopHow };

/** `drain`: when what runs has ended. `leave`: now, and what runs goes on. `cancel`: now, and what runs is cancelled. */
export type StopHow = "drain" | "leave" | "cancel";

export type ControlAnswer = { ok: true; status: AgentStatus } | { ok: false; why: string };

/** How an agent is, as it says itself. Times are by this machine's clock. */
export interface AgentStatus {
  pid: number;
  version: string;
  startedAt: string;
  /** Absent until it has registered for the first time. */
  node?: { nodeId: string; name: string };
  server: {
    url: string;
    /** `up`: it answered last time. `away`: it does not. `new`: it was not asked yet, or has not answered yet. */
    connection: "up" | "away" | "new";
    awaySince?: string;
    lastAnswerAt?: string;
  };
  /** What the server last said: DRAINING where somebody drained the node, here or there. */
  nodeStatus?: NodeStatus;
  /** What the owner should know of how the node is registered. An agent of an earlier version does not say. */
  notices?: string[];
  /** Why it is about to end; absent: it is not. */
  ending?: string;
  suspended: boolean;
  /** Why it takes no job though it runs; absent: it does. */
  refusing?: string;
  slots: { total: number; taken: number };
  running: RunningExecution[];
  /** Executions that are over, but not all of which the server has. */
  undelivered: number;
  /** The processes that hold the jobs. */
  supervisors: { pid: number; build: string }[];
  settings: {
    /** The agent.yaml in force; absent: there is none, and the defaults are. */
    path?: string;
    readAt: string;
    /** What is wrong with the file as it is now; the settings before it are in force. */
    error?: string;
    inWords: string;
  };
}
