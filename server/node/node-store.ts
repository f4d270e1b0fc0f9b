import type { NodeGrants, Ungranted } from "../../shared/grants.ts";
import type { AgentRun, NodeCondition, NodeDescription, NodeStatus } from "../../shared/node.ts";
import type { KeepsTimes } from "../tasks/clock.ts";

/** A node as the server keeps it. Times are epoch milliseconds. */
export interface NodeRecord {
  nodeId: string;
  businessId: string;
  userId: string;
  /**
   * The user session or the enrolment that it was registered with. The node's access ends with the session, and also when
   * a person ends the access of the enrolment's nodes.
   */
  sessionId: string;
  description: NodeDescription;
  /** A person asked for it to get no new jobs. */
  draining: boolean;
  /** It left, or it was silent for too long and what it ran is given up. */
  offline: boolean;
  /** Its session or enrolment has ended: it gets no new jobs, but may finish what it runs. */
  accessEnded: boolean;
  /** The condition that its agent last reported. */
  condition: NodeCondition;
  keyHash: string;
  /** When the key was made; absent if that was before servers kept it. */
  keyIssuedAtMs?: number;
  /** The key before that one, if it was rotated and not registered again. */
  replacedKey?: ReplacedKey;
  /** The run of its agent that registered last; absent if that agent did not identify itself. */
  run?: AgentRun;
  lastHeartbeatAtMs: number;
  createdAtMs: number;
  /** What a person lets it offer; absent if it was last registered before there were grants. */
  grants?: NodeGrants;
  /** What its agent announces beyond its grants. */
  ungranted?: Ungranted;
  /** When a person removed it. It is kept only for the history of its jobs. */
  removedAtMs?: number;
}

/** A key that was rotated. It is refused everywhere, except where its agent asks for the key that replaced it. */
export interface ReplacedKey {
  hash: string;
  /** The digest of the `Idempotency-Key` of the rotation; the call may be repeated with it. */
  rotation?: string;
  /** The agent replaced it itself; otherwise a person did. */
  byNode: boolean;
}

/** The credentials of a node's call. The caller speaks for the node only while both are the node's current ones. */
export interface Speaker {
  keyHash: string;
  runId: string | undefined;
}

export function speakerOf({ keyHash, run }: Pick<NodeRecord, "keyHash" | "run">): Speaker {
  return { keyHash, runId: run?.runId };
}

/** Whether the node was registered with an enrolment token, so that no session of a person holds its access. */
export function isEnrolled({ sessionId }: Pick<NodeRecord, "sessionId">): boolean {
  return sessionId.startsWith("enr_");
}

export function isSpeaker(node: Pick<NodeRecord, "keyHash" | "run" | "removedAtMs">, by: Speaker): boolean {
  return node.removedAtMs === undefined && node.keyHash === by.keyHash && node.run?.runId === by.runId;
}

type StatusFields = Pick<NodeRecord, "offline" | "draining" | "condition">;

export function nodeStatusOf({ offline, draining, condition }: StatusFields): NodeStatus {
  if (offline) return "OFFLINE";
  if (draining) return "DRAINING";
  return condition.suspended ? "SUSPENDED" : "ACTIVE";
}

/** Whether the node gets jobs. A suspended node does: the jobs wake it. */
export function takesWork(node: StatusFields & Pick<NodeRecord, "accessEnded">): boolean {
  return !node.offline && !node.draining && !node.accessEnded && node.condition.refusing === undefined;
}

export function isSameCondition(one: NodeCondition, other: NodeCondition): boolean {
  return one.suspended === other.suspended && one.refusing === other.refusing;
}

export interface NodeListQuery {
  businessId: string;
  status: readonly NodeStatus[] | undefined;
  /** A glob; see `server/job/glob.ts`. */
  name?: string | undefined;
  pool?: string | undefined;
  /** All of them, with these values. */
  labels?: Readonly<Record<string, string>> | undefined;
  beforeNodeId: string | undefined;
  limit: number;
}

/** The fields of a node that `update` may change. */
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
    | "keyIssuedAtMs"
    | "replacedKey"
    | "run"
    | "grants"
    | "ungranted"
    | "lastHeartbeatAtMs"
  >
>;

/** What a change expects of the node as it was read. */
export type Expected = { runId: string | undefined } | { keyHash: string };

/** Whether the node still is as a change expects it. */
export function isExpected({ run, keyHash }: NodeRecord, expected: Expected | undefined): boolean {
  if (expected === undefined) return true;
  return "keyHash" in expected ? expected.keyHash === keyHash : expected.runId === run?.runId;
}

/** What `markStale` found. */
export interface StaleNodes {
  marked: Pick<NodeRecord, "nodeId" | "businessId">[];
  oldestHeartbeatAtMs: number | undefined;
}

/**
 * Stores nodes. Every operation is safe to call concurrently, and what it resolves with is on disk. Rejects with
 * ComputeError `storage_failed` if the store fails.
 */
export interface NodeStore extends KeepsTimes {
  /**
   * Inserts the node and resolves with it. If the node's user has inserted a node in this business with the same key
   * before, resolves with that node instead and inserts nothing.
   */
  insert(node: NodeRecord, idempotencyKey?: string): Promise<NodeRecord>;
  /** Finds a node of any business: for authentication and tasks. */
  findAny(nodeId: string): Promise<NodeRecord | undefined>;
  find(businessId: string, nodeId: string): Promise<NodeRecord | undefined>;
  /** Which of these names nodes of the business already have. */
  takenNames(businessId: string, names: readonly string[]): Promise<string[]>;
  /** Nodes whose agents are on this machine: at most 100, without those that are offline or removed. */
  onMachine(businessId: string, machine: string): Promise<NodeRecord[]>;
  /** Newest first, without removed nodes. */
  list(query: NodeListQuery): Promise<NodeRecord[]>;
  /**
   * Changes a node and resolves with it as it is then. Resolves with undefined, and changes nothing, if the business has
   * no such node, it was removed, or its run or key is not the `expected` one. If the description, key or run changes while a
   * job is being handed to the node, that job does not become an execution.
   */
  update(
    businessId: string,
    nodeId: string,
    change: NodeChange,
    expected?: Expected,
  ): Promise<NodeRecord | undefined>;
  /**
   * Stores that the node is alive, and so not offline, and replaces its condition. Resolves with the node. Changes nothing
   * and resolves with undefined if `by` no longer speaks for it.
   */
  heartbeat(
    nodeId: string,
    nowMs: number,
    condition: NodeCondition,
    by: Speaker,
  ): Promise<NodeRecord | undefined>;
  /**
   * Marks the node offline, unless it has a job or is just being handed one, or `by` no longer speaks for it. Resolves with
   * whether it did.
   */
  leave(businessId: string, nodeId: string, by: Speaker): Promise<boolean>;
  /** Removes the node if it is offline: it is in no list any more, and nobody speaks for it. Resolves with whether it did. */
  remove(businessId: string, nodeId: string, nowMs: number): Promise<boolean>;
  /** Sets `accessEnded` on every node that was registered with this session or enrolment. Resolves with those nodes. */
  endAccess(sessionId: string): Promise<Pick<NodeRecord, "nodeId" | "businessId">[]>;
  /** Marks nodes offline if their last heartbeat is older. Resolves with them, and with the oldest heartbeat of the others. */
  markStale(heartbeatBeforeMs: number): Promise<StaleNodes>;
  /** Changes nodes that are not offline and whose last heartbeat is in the future: it is set to now. */
  bringBack(nowMs: number): Promise<number>;
}
