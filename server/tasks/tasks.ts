import type { Bus } from "../bus/bus.ts";
import type { Stores } from "../compose/stores.ts";
import { type Dispatcher, LEASE_MS } from "../dispatch/dispatcher.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { JobFlow } from "../job/job-flow.ts";
import { type JobStore, MAX_EXPIRING } from "../job/job-store.ts";
import type { NodeStore } from "../node/node-store.ts";
import { type Attendance, LOOK_MS } from "./attendance.ts";
import type { PeriodicTask } from "./periodic.ts";

/** Without a heartbeat for this long a node is OFFLINE. */
export const OFFLINE_AFTER_MS = 30_000;
/** How often a node says that it is alive. */
export const HEARTBEAT_MS = 10_000;

export interface TaskParts {
  jobs: JobStore;
  nodes: NodeStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  dispatcher: Dispatcher;
  jobFlow: JobFlow;
  bus: Bus;
  attendance: Attendance;
}

/** `compute-dispatch`: takes back expired assignments, and looks for work for every waiting node and for jobs that may go on. */
export function dispatchTask(parts: TaskParts): PeriodicTask {
  const { executions, executionService, dispatcher, jobFlow, attendance } = parts;
  return {
    name: "compute-dispatch",
    intervalMs: 5_000,
    runsOn: "one",
    // The nodes that wait here are known to this server only, and the message that there is work may be lost.
    onEveryServer: () => dispatcher.wakeAll(),
    async runOnce(nowMs) {
      const leasesCountFromMs = attendance.sinceMs() + LEASE_MS;
      if (nowMs >= leasesCountFromMs) {
        const expired = await executions.live({ leaseExpiredBeforeMs: nowMs });
        await executionService.releaseLeases(expired.map((one) => one.execution));
      }
      await executionService.announceAll(await executions.releaseOrphans(nowMs));
      await jobFlow.lookThrough();
      return { nextDueAtMs: notBefore(leasesCountFromMs, (await executions.nextDue()).leaseAtMs) };
    },
  };
}

/** `compute-timeout`: ends what its agent should have ended, and what has waited too long. */
export function timeoutTask({
  jobs,
  executions,
  executionService,
  bus,
  attendance,
}: TaskParts): PeriodicTask {
  return {
    name: "compute-timeout",
    intervalMs: 30_000,
    // The server that a job was submitted to knows when it has waited too long; of several that end it, one does.
    runsOn: "each",
    async runOnce(nowMs) {
      const expiring = await jobs.expiring(nowMs);
      await executionService.expireQueued(expiring.due);
      const deadlinesCountFromMs = attendance.sinceMs() + OFFLINE_AFTER_MS;
      const live = nowMs < deadlinesCountFromMs ? [] : await executions.live({ deadlineBeforeMs: nowMs });
      const overdue = live.map((one) => one.execution);
      await executionService.giveUp(
        overdue,
        "Timeout",
        "The job ran past its timeoutSeconds and its node did not end it.",
      );
      for (const { nodeId, businessId } of overdue) bus.publish("node", { nodeId, businessId });
      const { deadlineAtMs } = await executions.nextDue();
      const more = expiring.due.length === MAX_EXPIRING ? nowMs : undefined;
      return {
        nextDueAtMs: earliest(more, expiring.nextDueAtMs, notBefore(deadlinesCountFromMs, deadlineAtMs)),
      };
    },
  };
}

/** `compute-stale-nodes`: nodes that went silent become OFFLINE, and what they ran is lost. */
export function staleNodesTask({ nodes, executions, executionService, attendance }: TaskParts): PeriodicTask {
  return {
    name: "compute-stale-nodes",
    intervalMs: 30_000,
    runsOn: "one",
    async runOnce(nowMs) {
      const silenceCountsFromMs = attendance.sinceMs() + OFFLINE_AFTER_MS;
      if (nowMs < silenceCountsFromMs) return { nextDueAtMs: silenceCountsFromMs };
      const { oldestHeartbeatAtMs } = await nodes.markStale(nowMs - OFFLINE_AFTER_MS);
      // Asked of the store, not of what was just marked: a server may have died between the two.
      const lost = (await executions.live({ onOfflineNodes: true })).map((one) => one.execution);
      const seconds = OFFLINE_AFTER_MS / 1_000;
      await executionService.giveUp(lost, "NodeLost", `The node has not been heard of for ${seconds} s.`);
      return {
        nextDueAtMs:
          oldestHeartbeatAtMs === undefined ? undefined : oldestHeartbeatAtMs + OFFLINE_AFTER_MS + 1,
      };
    },
  };
}

/** `compute-attendance`: notices that this server stood still, also while nothing is due. */
export function attendanceTask({ attendance }: TaskParts): PeriodicTask {
  return {
    name: "compute-attendance",
    intervalMs: LOOK_MS,
    runsOn: "each",
    async runOnce() {
      attendance.sinceMs();
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-retry`: jobs whose next attempt is due go back into the queue. */
export function retryTask({ jobs, jobFlow, bus }: TaskParts): PeriodicTask {
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

/** What a store of many servers needs. */
export function sharedStoreTasks({
  endAbandoned,
  clock,
}: Pick<Stores, "endAbandoned" | "clock">): PeriodicTask[] {
  return [
    ...(endAbandoned ? [abandonedTask(endAbandoned)] : []),
    ...(clock ? [databaseClockTask(clock)] : []),
  ];
}

/** `compute-abandoned`: what a server that died holds locked in a store of many servers is let go within seconds. */
function abandonedTask(endAbandoned: () => Promise<void>): PeriodicTask {
  return {
    name: "compute-abandoned",
    intervalMs: 2_000,
    // Also of the server that held the lease, and the lease itself may be what is locked.
    runsOn: "each",
    async runOnce() {
      await endAbandoned();
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-database-clock`: the servers on a store go by one time. */
function databaseClockTask(clock: { look(): Promise<void> }): PeriodicTask {
  return {
    name: "compute-database-clock",
    intervalMs: 10_000,
    runsOn: "each",
    async runOnce() {
      await clock.look();
      return { nextDueAtMs: undefined };
    },
  };
}

function notBefore(fromMs: number, atMs: number | undefined): number | undefined {
  return atMs === undefined ? undefined : Math.max(fromMs, atMs);
}

function earliest(...timesMs: (number | undefined)[]): number | undefined {
  const known = timesMs.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
