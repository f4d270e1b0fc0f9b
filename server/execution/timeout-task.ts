import type { Bus } from "../bus/bus.ts";
import { type JobStore, MAX_EXPIRING } from "../job/job-store.ts";
import { OFFLINE_AFTER_MS } from "../node/silence.ts";
import type { Attendance } from "../tasks/attendance.ts";
import { earliest, notBefore, type PeriodicTask } from "../tasks/periodic.ts";
import type { ExecutionService } from "./execution-service.ts";
import type { ExecutionStore } from "./execution-store.ts";

/** `compute-timeout`: ends executions past their deadline that their agent did not end, and queued jobs that expired. */
export function timeoutTask({
  jobs,
  executions,
  executionService,
  bus,
  attendance,
}: {
  jobs: JobStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  bus: Bus;
  attendance: Attendance;
}): PeriodicTask {
  return {
    name: "compute-timeout",
    intervalMs: 30_000,
    // The server that took the job knows when it expires. If several servers try to end it, one succeeds.
    runsOn: "each",
    async runOnce(nowMs) {
      const expiring = await jobs.expiring(nowMs);
      await executionService.expireQueued(expiring.due);
      const deadlinesCountFromMs = attendance.sinceMs() + OFFLINE_AFTER_MS;
      const live = nowMs < deadlinesCountFromMs ? [] : await executions.live({ deadlineBeforeMs: nowMs });
      const overdue = live.map(({ execution }) => execution);
      await executionService.giveUp(
        overdue,
        "Timeout",
        "The job ran past its timeoutSeconds and its node did not end it.",
      );
      for (const { nodeId, businessId } of overdue) bus.publish("node", { nodeId, businessId });
      const { deadlineAtMs } = await executions.nextDue();
      const more = expiring.due.length === MAX_EXPIRING ? nowMs : undefined;
      return {
        nextDueAtMs: earliest([more, expiring.nextDueAtMs, notBefore(deadlinesCountFromMs, deadlineAtMs)]),
      };
    },
  };
}
