import { ComputeError } from "../../shared/errors.ts";
import type { AgentRun } from "../../shared/node.ts";
import { isSpeaker, type NodeRecord, type Speaker } from "./node-store.ts";

/** `sameAgent`: what is known of the run before it still counts. `elsewhere`: nothing that it ran is known there. */
export type Claim = "sameAgent" | "elsewhere";

/** When the run that has the node was last heard of, and from when on its silence says anything. */
export interface Silence {
  nowMs: number;
  /** This server stood still, or was not there, before that. */
  listeningSinceMs: number;
  offlineAfterMs: number;
}

/**
 * Whether a run may have the node, which another one may have. At the same place it may: the lock there says that the
 * one before it has ended. From elsewhere, as from a copy of its directory, it may when that one has left or fallen
 * silent; else this throws `node_in_use`, with the seconds after which it would count as silent. Pure.
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
    `${nameOf(node)} is another agent's at the moment: ${inWords(holder)}, heard of ${secondsSince(node, nowMs)} s ago. Where its directory was copied, the copy must be a node of its own.`,
    { retryAfterSeconds: Math.ceil(leftMs / 1_000) },
  );
}

/** Throws what a call must be told that does not speak for this node any more. */
export function refuseUnlessSpeaker(node: NodeRecord | undefined, by: Speaker): asserts node is NodeRecord {
  if (!node || node.removedAtMs !== undefined || node.keyHash !== by.keyHash) throw keyRefused();
  if (isSpeaker(node, by)) return;
  const taker = node.run ? inWords(node.run) : "one of an earlier version, which does not say which it is";
  throw new ComputeError(
    "node_taken",
    `Another agent has taken this node, ${nameOf(node)}: ${taker}. This agent is not it any more.`,
  );
}

export function keyRefused(): ComputeError {
  return new ComputeError(
    "unauthenticated",
    "The node key is not valid, or was replaced by a newer one, or its node was removed.",
  );
}

/** A run, for people. */
export function inWords({ host, pid }: AgentRun): string {
  return `process ${pid} on ${host}`;
}

function nameOf({ description, nodeId }: NodeRecord): string {
  return `${description.name} (${nodeId})`;
}

function secondsSince({ lastHeartbeatAtMs }: NodeRecord, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - lastHeartbeatAtMs) / 1_000));
}
