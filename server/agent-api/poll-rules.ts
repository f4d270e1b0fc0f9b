import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { limits } from "../../shared/limits.ts";
import type { NodeCondition } from "../../shared/node.ts";
import type { NodeIdentity } from "../http/handler.ts";
import { isSameCondition } from "../node/node-store.ts";
import { HEARTBEAT_MS } from "../node/silence.ts";

/** How long a poll may wait. */
export function pollWaitMs({
  waitSeconds,
  condition,
}: Pick<ParsedInput<"nodes.poll">, "waitSeconds" | "condition">): number {
  const longest = condition.suspended ? limits.maxSuspendedWaitSeconds : limits.maxWaitSeconds;
  return Math.min(waitSeconds, longest) * 1_000;
}

/**
 * Whether a poll is stored like a heartbeat. A node that is awake sends heartbeats as well, so its polls are stored only
 * if they say something new.
 */
export function isSignOfLife(by: NodeIdentity, condition: NodeCondition, nowMs: number): boolean {
  // The absolute difference, because `lastHeardAtMs` is in the future if the clock was ahead then.
  const isSilent = Math.abs(nowMs - by.lastHeardAtMs) >= HEARTBEAT_MS;
  return condition.suspended || isSilent || !isSameCondition(by.condition, condition);
}
