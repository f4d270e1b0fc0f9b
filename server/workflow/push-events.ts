import type { Bus } from "../bus/bus.ts";
import { nodeOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { RunEvents, RunStore } from "./run-store.ts";

/** An execution of the calling node that decides its job's outcome and has not ended. */
export type RunningWorkflow = Pick<RunEvents, "jobId" | "businessId" | "attempt" | "request">;

export interface PushEventsParts {
  store: RunStore;
  bus: Bus;
  /** undefined: it is not the node's, it is over, or it is not a workflow. */
  runningOf(nodeId: string, executionId: string): Promise<RunningWorkflow | undefined>;
}

/** The handler of `nodes.workflow-events`. Followers hear of events that are stored. */
export function pushWorkflowEvents({
  store,
  bus,
  runningOf,
}: PushEventsParts): Handlers["nodes.workflow-events"] {
  return async ({ executionId, from, events }, context) => {
    const running = await runningOf(nodeOf(context).nodeId, executionId);
    if (!running) return { stored: "stale" };
    const { events: stored, applied } = await store.append({ ...running, executionId, from, events });
    if (applied.length > 0) {
      const { jobId, attempt } = running;
      bus.publish("workflow", {
        jobId,
        executionId,
        attempt,
        from: stored - applied.length,
        events: applied,
      });
    }
    return { stored };
  };
}
