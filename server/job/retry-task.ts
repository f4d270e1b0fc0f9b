import type { Bus } from "../bus/bus.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import type { JobFlow } from "./job-flow.ts";
import type { JobStore } from "./job-store.ts";
/** `compute-retry`: jobs whose next attempt is due go back into the queue. */
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
    // The server that a failure was reported to knows when the retry is due, to the millisecond; of several that try,
    // one promotes the job.
    runsOn: "each",
    async runOnce(nowMs) {
      const { businessIds, groups, nextDueAtMs } = await jobs.promoteDue(nowMs);
      await jobFlow.admitAll(groups);
      for (const businessId of businessIds) bus.publish("wake", { businessId });
      return { nextDueAtMs };
    },
  };
}
