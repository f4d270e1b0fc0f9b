import type { NodeOrders } from "../../shared/node.ts";
import type { LiveExecution } from "../execution/execution-store.ts";
import { isoTime } from "../http/iso-time.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import { type NodeRecord, nodeStatusOf } from "../node/node-store.ts";

/** What the server wants of a node that holds `held`, given what is live on it. Pure. */
export function ordersFor(
  node: NodeRecord,
  live: readonly LiveExecution[],
  held: readonly string[],
  nowMs: number,
): NodeOrders {
  const liveIds = new Set(live.map((one) => one.execution.executionId));
  return {
    status: nodeStatusOf(node),
    cancel: live.filter((one) => one.cancelRequested).map((one) => one.execution.executionId),
    abandon: held.filter((executionId) => !liveIds.has(executionId)),
    now: isoTime(nowMs),
  };
}

/** Assigned to the node, but the answer that said so never reached it. */
export function undelivered(live: readonly LiveExecution[], held: readonly string[]): LiveExecution[] {
  const heldIds = new Set(held);
  return live.filter((one) => one.execution.status === "ASSIGNED" && !heldIds.has(one.execution.executionId));
}

/** Held by the node, which has not started them yet. */
export function starting(live: readonly LiveExecution[], held: readonly string[]): ExecutionRecord[] {
  const heldIds = new Set(held);
  return live
    .map((one) => one.execution)
    .filter(({ status, executionId }) => status === "ASSIGNED" && heldIds.has(executionId));
}

/** Running by what the server knows, but the node does not hold it: whoever ran it is gone. */
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
 * What was last sent to each node, so that a poll answers at once with news only: orders take a while to carry out,
 * and until then they are the same. A lost answer is made good by the next heartbeat, which is always told all.
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

/** That it sleeps is no news to whoever said so. */
function isQuiet({ status, cancel, abandon }: NodeOrders): boolean {
  return (status === "ACTIVE" || status === "SUSPENDED") && cancel.length === 0 && abandon.length === 0;
}

function signature(orders: NodeOrders): string {
  return JSON.stringify([orders.status, [...orders.cancel].sort(), [...orders.abandon].sort()]);
}
