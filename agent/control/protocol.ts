import type { NodeStatus } from "../../shared/node.ts";
import type { RunningExecution } from "../worker/held.ts";

/**
 * The protocol between the owner's commands and a running agent: one request and one answer, each a line of JSON, over
 * a socket in the agent's directory. The two may be of different versions, so the protocol may grow, but what exists
 * must keep its meaning.
 */
export type ControlRequest =
  | { type: "status" }
  /** The server gives this node no new jobs. It remembers that even when the agent restarts. */
  | { type: "drain" }
  /** The server gives this node jobs again. */
  | { type: "resume" }
  /** The agent ends. It answers immediately, and has ended when its lock is free. */
  | { type: "stop"; how: StopHow };

/** `drain`: when the running jobs have ended. `leave`: now; they keep running. `cancel`: now; they are cancelled. */
export type StopHow = "drain" | "leave" | "cancel";

export type ControlAnswer = { ok: true; status: AgentStatus } | { ok: false; why: string };

/** The state of an agent, as it reports it. Times are by this machine's clock. */
export interface AgentStatus {
  pid: number;
  version: string;
  startedAt: string;
  /** Absent until it has registered for the first time. */
  node?: { nodeId: string; name: string };
  server: {
    url: string;
    /** `up`: it answered the last request. `away`: it did not. `new`: it has never answered, or was never asked. */
    connection: "up" | "away" | "new";
    /** What carries the calls now. Agents of earlier versions do not send it. */
    by?: "socket" | "http";
    awaySince?: string;
    lastAnswerAt?: string;
  };
  /** The node's status in the server's last answer. DRAINING: the node was drained, here or at the server. */
  nodeStatus?: NodeStatus;
  /** What the owner should know about the node's registration. Agents of earlier versions do not send it. */
  notices?: string[];
  /** Why the agent is about to end; absent: it is not. */
  ending?: string;
  suspended: boolean;
  /** Why the agent takes no jobs although it runs; absent: it takes jobs. */
  refusing?: string;
  slots: { total: number; taken: number };
  running: RunningExecution[];
  /** Jobs that wait for a slot. Agents of earlier versions do not send it. */
  waiting?: number;
  /** Executions that are over, whose lines or result the server does not have in full. */
  undelivered: number;
  /** The files kept for the next jobs. Agents of earlier versions do not send it. */
  cache?: { bytes: number; maxBytes: number };
  /** The processes that hold the jobs. */
  supervisors: { pid: number; build: string }[];
  settings: {
    /** The agent.yaml in force; absent: there is no file, and the defaults are in force. */
    path?: string;
    readAt: string;
    /** What is wrong with the current file. The settings read before stay in force. */
    error?: string;
    inWords: string;
  };
}
