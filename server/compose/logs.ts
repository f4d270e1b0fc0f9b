import { isCurrent } from "../job/job-record.ts";
import type { JobWatch } from "../job/job-watch.ts";
import type { FollowParts } from "../log/follow.ts";
import { logHandlers } from "../log/handlers.ts";
import { LogHub } from "../log/log-hub.ts";
import { pushLogs } from "../log/push-logs.ts";
import { pushWorkflowEvents } from "../workflow/push-events.ts";
import { RunWatch } from "../workflow/run-watch.ts";
import type { PlaneBase } from "./base.ts";

/** Takes the output of jobs from agents, and shows it, stored and live. */
export function composeLogs(base: PlaneBase, watch: JobWatch) {
  const hub = new LogHub(base.bus);
  return {
    push: composePush(base),
    pushEvents: composePushEvents(base),
    handlers: logHandlers(followParts(base, hub, watch)),
    close: () => hub.close(),
  };
}

function followParts({ stores, bus }: PlaneBase, hub: LogHub, watch: JobWatch): FollowParts {
  return {
    hub,
    store: stores.logs,
    async loadJob(businessId, jobId) {
      const job = await stores.jobs.find(businessId, jobId);
      if (!job) return undefined;
      const { status, attempt, executionId, manifest, end } = job;
      const isWorkflow = manifest.type === "GITHUB_ACTION" && executionId !== undefined;
      return { ...end, status, attempt, ...(isWorkflow && { workflowExecutionId: executionId }) };
    },
    watchRun: (jobId) => new RunWatch({ bus, store: stores.runs }, jobId),
    removedLog: (businessId, jobId) => stores.retention.removedLog(businessId, jobId),
    nextJobChange: (jobId, timeoutMs, signal) => watch.next(jobId, timeoutMs, signal),
  };
}

function composePushEvents({ stores, bus }: PlaneBase) {
  return pushWorkflowEvents({
    store: stores.runs,
    bus,
    async runningOf(nodeId, executionId) {
      const [found] = await stores.executions.findOfNode(nodeId, [executionId]);
      if (!found || !isCurrent(found)) return undefined;
      const { jobId, businessId, attempt } = found.execution;
      const { workflow } = found.job.manifest;
      return workflow && { jobId, businessId, attempt, request: workflow };
    },
  });
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
