import type { NodeGrants, Ungranted } from "../../shared/grants.ts";
import type { AgentRun, NodeCondition, NodeDescription, NodeStatus } from "../../shared/node.ts";
import type { KeepsTimes } from "../tasks/clock.ts";

/** A node as the server keeps it. Times are epoch milliseconds. */
export interface NodeRecord {
  nodeId: string;
  businessId: string;
  userId: string;
  /** The user session it was registered with: when that ends, so does the node's access. */
  sessionId: string;
  description: NodeDescription;
  /** A person asked that it gets no new jobs. */
  draining: boolean;
  /** It missed its heartbeats, and what it ran was given up. */
  offline: boolean;
  /** Its session was ended: it gets no new jobs, but may finish what it runs. */
  accessEnded: boolean;
  /** What its agent last said of itself. */
  condition: NodeCondition;
  keyHash: string;
  /** The run of its agent that registered last; absent where that agent did not say. */
  run?: AgentRun;
  lastHeartbeatAtMs: number;
  createdAtMs: number;
  /** What a person lets it offer; absent of one that was last registered before there were grants. */
  grants?: NodeGrants;
  /** What its agent announces beyond that. */
  ungranted?: Ungranted;
  /** When a person removed it; it is kept for the history of its jobs alone. */
  removedAtMs?: number;
}

/** What a call of a node came with. It speaks for the node only while both are the node's own. */
export interface Speaker {
  keyHash: string;
  runId: string | undefined;
}

export function speakerOf({ keyHash, run }: Pick<NodeRecord, "keyHash" | "run">): Speaker {
  return { keyHash, runId: run?.runId };
}

export function isSpeaker(node: Pick<NodeRecord, "keyHash" | "run" | "removedAtMs">, by: Speaker): boolean {
  return node.removedAtMs === undefined && node.keyHash === by.keyHash && node.run?.runId === by.runId;
}

type Standing = Pick<NodeRecord, "offline" | "draining" | "condition">;

export function nodeStatusOf({ offline, draining, condition }: Standing): NodeStatus {
  if (offline) return "OFFLINE";
  if (draining) return "DRAINING";
  return condition.suspended ? "SUSPENDED" : "ACTIVE";
}

/** Whether jobs are handed to it. One that sleeps is woken by them. */
export function takesWork(node: Standing & Pick<NodeRecord, "accessEnded">): boolean {
  return !node.offline && !node.draining && !node.accessEnded && node.condition.refusing === undefined;
}

export function isSameCondition(one: NodeCondition, other: NodeCondition): boolean {
  return one.suspended === other.suspended && one.refusing === other.refusing;
}

export interface NodeListQuery {
  businessId: string;
  status: readonly NodeStatus[] | undefined;
  beforeNodeId: string | undefined;
  limit: number;
}

/** What may change of a node. */
export type NodeChange = Partial<
  Pick<
    NodeRecord,
    | "userId"
    | "sessionId"
    | "description"
    | "draining"
    | "offline"
    | "accessEnded"
    | "keyHash"
    | "run"
    | "grants"
    | "ungranted"
    | "lastHeartbeatAtMs"
  >
>;

/**
 * Where nodes are kept. Every operation is safe to call from many places at once; what it resolves with is on disk.
 * Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface NodeStore extends KeepsTimes {
  /** Resolves with the node; where the business has one that was inserted with this key, with that one alone. */
  insert(node: NodeRecord, idempotencyKey?: string): Promise<NodeRecord>;
  /** The node whoever asks: for authentication and tasks. */
  findAny(nodeId: string): Promise<NodeRecord | undefined>;
  find(businessId: string, nodeId: string): Promise<NodeRecord | undefined>;
  /** Which of the names nodes of the business have. */
  takenNames(businessId: string, names: readonly string[]): Promise<string[]>;
  /** Nodes whose agents are on this machine; without those that are offline, and at most 100. */
  onMachine(businessId: string, machine: string): Promise<NodeRecord[]>;
  /** Newest first, without those that were removed. */
  list(query: NodeListQuery): Promise<NodeRecord[]>;
  /**
   * Resolves with the node as it is then, or undefined where there is none within the business, it was removed, or
   * `expected` says which run it must be and it is another. A job that is being handed to it as it was described
   * before, under its old key or to its old run does not become an execution.
   */
  update(
    businessId: string,
    nodeId: string,
    change: NodeChange,
    expected?: { runId: string | undefined },
  ): Promise<NodeRecord | undefined>;
  /**
   * The node is alive, and so no longer offline; how it says it is replaces what it said before. Changes nothing and
   * resolves with undefined where `by` does not speak for it any more.
   */
  heartbeat(
    nodeId: string,
    nowMs: number,
    condition: NodeCondition,
    by: Speaker,
  ): Promise<NodeRecord | undefined>;
  /**
   * The node goes offline, but not with a job on it, also one that it is just being handed, and not where `by` does not
   * speak for it any more. Resolves with whether it did.
   */
  leave(businessId: string, nodeId: string, by: Speaker): Promise<boolean>;
  /** Removes a node that is offline: it is in no list any more and nobody speaks for it. Resolves with whether it did. */
  remove(businessId: string, nodeId: string, nowMs: number): Promise<boolean>;
  /** No node registered with this session gets a job from now on. Resolves with those nodes. */
  endAccess(sessionId: string): Promise<Pick<NodeRecord, "nodeId" | "businessId">[]>;
  /** Marks nodes offline whose last heartbeat is older; resolves with the oldest heartbeat of those that are not. */
  markStale(heartbeatBeforeMs: number): Promise<{ oldestHeartbeatAtMs: number | undefined }>;
  /** Of nodes that are not offline: they were heard of at the latest now. */
  bringBack(nowMs: number): Promise<number>;
}
