import type { ExecutionService } from "../execution/execution-service.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { JobFlow } from "../job/job-flow.ts";
import type { Attendance } from "../tasks/attendance.ts";
import { notBefore, type PeriodicTask } from "../tasks/periodic.ts";
import type { AssignStore } from "./assign-store.ts";
import { type Dispatcher, LEASE_MS } from "./dispatcher.ts";

/**
 * `compute-dispatch`: takes back expired assignments, and looks for work for every waiting node and for jobs that may go
 * on.
 */
export function dispatchTask(parts: {
  assignments: AssignStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  dispatcher: Dispatcher;
  jobFlow: JobFlow;
  attendance: Attendance;
}): PeriodicTask {
  const { assignments, executions, executionService, dispatcher, jobFlow, attendance } = parts;
  return {
    name: "compute-dispatch",
    intervalMs: 5_000,
    runsOn: "one",
    // Only this server knows the nodes that wait here, and the message that there is work may be lost.
    onEveryServer: () => dispatcher.wakeAll(),
    async runOnce(nowMs) {
      const leasesCountFromMs = attendance.sinceMs() + LEASE_MS;
      if (nowMs >= leasesCountFromMs) {
        const expired = await executions.live({ leaseExpiredBeforeMs: nowMs });
        await executionService.releaseLeases(expired.map(({ execution }) => execution));
      }
      await jobFlow.changed(await assignments.releaseOrphans(nowMs));
      await jobFlow.lookThrough();
      return { nextDueAtMs: notBefore(leasesCountFromMs, (await executions.nextDue()).leaseAtMs) };
    },
  };
}
