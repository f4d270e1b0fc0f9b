import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { AHEAD_PER_SLOT, type NodeOrders } from "../../shared/node.ts";
import type { Wish } from "../dispatch/dispatcher.ts";
import type { LiveExecution } from "../execution/execution-store.ts";
import { isoTime } from "../http/iso-time.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import { type NodeRecord, nodeStatusOf, takesWork } from "../node/node-store.ts";

/** The orders for a node that holds `held`, given the executions that are live on it. Pure. */
export function ordersFor(
  node: NodeRecord,
  live: readonly LiveExecution[],
  held: readonly string[],
  nowMs: number,
): NodeOrders {
  const liveIds = new Set(live.map(({ execution }) => execution.executionId));
  return {
    status: nodeStatusOf(node),
    cancel: live.filter((item) => item.cancelRequested).map(({ execution }) => execution.executionId),
    abandon: held.filter((executionId) => !liveIds.has(executionId)),
    now: isoTime(nowMs),
  };
}

/**
 * What a poll may get: nothing while the node takes no work, and nothing ahead of free slots in a pool where waiting would
 * already cost credit.
 */
export function wishOf(
  node: NodeRecord,
  { maxAssignments, ahead = 0 }: Pick<ParsedInput<"nodes.poll">, "maxAssignments" | "ahead">,
  askedAtMs: number,
  isFree: (pool: string) => boolean,
): Wish {
  if (!takesWork(node)) return { limit: 0 };
  if (ahead === 0 || !isFree(node.description.pool)) return { limit: maxAssignments };
  const count = Math.min(ahead, AHEAD_PER_SLOT * node.description.capacity.slots);
  return { limit: maxAssignments, ahead: { count, askedAtMs } };
}

/** Executions that are assigned to the node, but whose assignment never reached it. */
export function undelivered(live: readonly LiveExecution[], held: readonly string[]): LiveExecution[] {
  const heldIds = new Set(held);
  return live.filter(
    ({ execution }) => execution.status === "ASSIGNED" && !heldIds.has(execution.executionId),
  );
}

/** Executions that the node holds but has not started yet. */
export function starting(live: readonly LiveExecution[], held: readonly string[]): ExecutionRecord[] {
  const heldIds = new Set(held);
  return live
    .map(({ execution }) => execution)
    .filter(({ status, executionId }) => status === "ASSIGNED" && heldIds.has(executionId));
}

/** Executions whose outputs the node collects, and whose deadline is near. */
export function collectingUntil(
  live: readonly LiveExecution[],
  collecting: readonly string[],
  beforeMs: number,
): ExecutionRecord[] {
  if (collecting.length === 0) return [];
  const ids = new Set(collecting);
  return live
    .map(({ execution }) => execution)
    .filter(({ executionId, deadlineAtMs }) => ids.has(executionId) && (deadlineAtMs ?? beforeMs) < beforeMs);
}

/** Executions that are RUNNING on the server, but that the node does not hold: the process that ran them is gone. */
export function vanished(
  live: readonly LiveExecution[],
  held: readonly string[],
  startedBeforeMs: number,
): LiveExecution[] {
  const heldIds = new Set(held);
  return live.filter(
    ({ execution }) =>
      execution.status === "RUNNING" &&
      !heldIds.has(execution.executionId) &&
      (execution.startedAtMs ?? 0) <= startedBeforeMs,
  );
}

/**
 * Remembers the orders last sent to each node, so that a poll answers early only with new ones. Orders take a while to
 * carry out and stay the same until then. If an answer is lost, the next heartbeat makes up for it: its answer always
 * has all orders.
 */
export class SentOrders {
  private readonly signatures = new Map<string, string>();

  isNews(nodeId: string, orders: NodeOrders): boolean {
    return (
      this.signatures.get(nodeId) !== signature(orders) && !(isQuiet(orders) && !this.signatures.has(nodeId))
    );
  }

  sent(nodeId: string, orders: NodeOrders): void {
    if (isQuiet(orders)) this.signatures.delete(nodeId);
    else this.signatures.set(nodeId, signature(orders));
  }
}

/** Whether the node has nothing to do about the orders. SUSPENDED is what the node itself reported. */
function isQuiet({ status, cancel, abandon }: NodeOrders): boolean {
  return (status === "ACTIVE" || status === "SUSPENDED") && cancel.length === 0 && abandon.length === 0;
}

function signature(orders: NodeOrders): string {
  return JSON.stringify([orders.status, [...orders.cancel].sort(), [...orders.abandon].sort()]);
}
