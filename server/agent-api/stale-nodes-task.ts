import type { Bus } from "../bus/bus.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { NodeStore } from "../node/node-store.ts";
import { OFFLINE_AFTER_MS } from "../node/silence.ts";
import type { Attendance } from "../tasks/attendance.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";

/** `compute-stale-nodes`: marks silent nodes OFFLINE and gives up what they ran. */
export function staleNodesTask({
  nodes,
  executions,
  executionService,
  attendance,
  bus,
}: {
  nodes: NodeStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  attendance: Attendance;
  bus: Bus;
}): PeriodicTask {
  return {
    name: "compute-stale-nodes",
    intervalMs: 30_000,
    runsOn: "one",
    async runOnce(nowMs) {
      const silenceCountsFromMs = attendance.sinceMs() + OFFLINE_AFTER_MS;
      if (nowMs < silenceCountsFromMs) return { nextDueAtMs: silenceCountsFromMs };
      const { marked, oldestHeartbeatAtMs } = await nodes.markStale(nowMs - OFFLINE_AFTER_MS);
      for (const { businessId, nodeId } of marked) {
        bus.publish("activity", { businessId, subject: "nodes", ids: [nodeId] });
      }
      // All OFFLINE nodes, not only those just marked: a server may have died between marking and giving up.
      const lost = (await executions.live({ onOfflineNodes: true })).map(({ execution }) => execution);
      const seconds = OFFLINE_AFTER_MS / 1_000;
      await executionService.giveUp(lost, "NodeLost", `The node has not been heard from for ${seconds} s.`);
      return {
        nextDueAtMs:
          oldestHeartbeatAtMs === undefined ? undefined : oldestHeartbeatAtMs + OFFLINE_AFTER_MS + 1,
      };
    },
  };
}
