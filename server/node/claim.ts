import { ComputeError } from "../../shared/errors.ts";
import type { AgentRun } from "../../shared/node.ts";
import { isSpeaker, type NodeRecord, type Speaker } from "./node-store.ts";

/**
 * `sameAgent`: the run follows an earlier run at the same place and knows that run's executions. `elsewhere`: it comes
 * from another place and knows nothing of them.
 */
export type Claim = "sameAgent" | "elsewhere";

/** What it takes to judge the silence of the run that has the node. Times are epoch milliseconds. */
export interface Silence {
  nowMs: number;
  /** Before this, the server was down or stood still, so silence means nothing. */
  listeningSinceMs: number;
  offlineAfterMs: number;
}

/**
 * Decides whether a run may take the node, which another run may hold. A run at the same place may: it has the lock on the
 * agent's directory, so the holder has ended. A run from elsewhere, for instance in a copy of that directory, may if the
 * holder has left or fallen silent. Otherwise this throws `node_in_use`, with the seconds until the holder would count as
 * silent. Pure.
 */
export function claimNode(node: NodeRecord, run: AgentRun | undefined, silence: Silence): Claim {
  const { run: holder } = node;
  if (!holder || !run || holder.place === run.place) return "sameAgent";
  if (node.offline) return "elsewhere";
  const { nowMs, listeningSinceMs, offlineAfterMs } = silence;
  const leftMs = Math.max(node.lastHeartbeatAtMs, listeningSinceMs) + offlineAfterMs - nowMs;
  if (leftMs <= 0) return "elsewhere";
  throw new ComputeError(
    "node_in_use",
    `${nameOf(node)} is in use by another agent: ${inWords(holder)}, last heard from ${secondsSince(node, nowMs)} s ago. If its directory was copied, the copy must register as a node of its own.`,
    { retryAfterSeconds: Math.ceil(leftMs / 1_000) },
  );
}

/** Throws `unauthenticated` or `node_taken` if `by` no longer speaks for the node. */
export function refuseUnlessSpeaker(node: NodeRecord | undefined, by: Speaker): asserts node is NodeRecord {
  if (!node || node.removedAtMs !== undefined || node.keyHash !== by.keyHash) throw keyRefused();
  if (isSpeaker(node, by)) return;
  const taker = node.run ? inWords(node.run) : "an agent of an older version, which does not identify itself";
  throw new ComputeError(
    "node_taken",
    `Another agent has taken this node, ${nameOf(node)}: ${taker}. This agent no longer speaks for it.`,
  );
}

export function keyRefused(): ComputeError {
  return new ComputeError(
    "unauthenticated",
    "The node key is invalid: it is unknown, was replaced by a newer key, or its node was removed.",
  );
}

/** Describes a run for people. */
export function inWords({ host, pid }: AgentRun): string {
  return `process ${pid} on ${host}`;
}

function nameOf({ description, nodeId }: NodeRecord): string {
  return `${description.name} (${nodeId})`;
}

function secondsSince({ lastHeartbeatAtMs }: NodeRecord, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - lastHeartbeatAtMs) / 1_000));
}
