import type { Bus } from "../bus/bus.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import type { JobFlow } from "./job-flow.ts";
import type { JobStore } from "./job-store.ts";

/** `compute-retry`: puts jobs into their queue when their start time or their next attempt is due. */
export function retryTask({
  jobs,
  jobFlow,
  bus,
}: {
  jobs: JobStore;
  jobFlow: JobFlow;
  bus: Bus;
}): PeriodicTask {
  return {
    name: "compute-retry",
    intervalMs: 30_000,
    // The server that got the report of the failure knows to the millisecond when the retry is due. If several servers
    // try, one of them promotes the job.
    runsOn: "each",
    async runOnce(nowMs) {
      const { businessIds, groups, nextDueAtMs } = await jobs.promoteDue(nowMs);
      await jobFlow.admitAll(groups);
      for (const businessId of businessIds) bus.publish("wake", { businessId });
      return { nextDueAtMs };
    },
  };
}
