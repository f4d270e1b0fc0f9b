import { isCurrent } from "../job/job-record.ts";
import type { JobWatch } from "../job/job-watch.ts";
import type { FollowParts } from "../log/follow.ts";
import { logHandlers } from "../log/handlers.ts";
import { LogHub } from "../log/log-hub.ts";
import { pushLogs } from "../log/push-logs.ts";
import type { PlaneBase } from "./base.ts";
import type { Stores } from "./stores.ts";

/** Takes the output of jobs from agents, and shows it, stored and live. */
export function composeLogs(base: PlaneBase, watch: JobWatch) {
  const hub = new LogHub(base.bus);
  return {
    push: composePush(base),
    handlers: logHandlers(followParts(base.stores, hub, watch)),
    close: () => hub.close(),
  };
}

function followParts(stores: Stores, hub: LogHub, watch: JobWatch): FollowParts {
  return {
    hub,
    store: stores.logs,
    async loadJob(businessId, jobId) {
      const job = await stores.jobs.find(businessId, jobId);
      return job && { ...job.end, status: job.status, attempt: job.attempt };
    },
    removedLog: (businessId, jobId) => stores.retention.removedLog(businessId, jobId),
    nextJobChange: (jobId, timeoutMs, signal) => watch.next(jobId, timeoutMs, signal),
  };
}

function composePush({ stores, bus }: PlaneBase) {
  return pushLogs({
    store: stores.logs,
    bus,
    shortage: () => stores.shortage?.(),
    async executionsOf(nodeId, executionIds) {
      const found = await stores.executions.findOfNode(nodeId, executionIds);
      return new Map(
        found.map(({ job, execution }) => {
          const { jobId, businessId, attempt, executionId } = execution;
          return [executionId, { jobId, businessId, attempt, current: isCurrent({ job, execution }) }];
        }),
      );
    },
  });
}
