import { staleNodesTask } from "../agent-api/stale-nodes-task.ts";
import { dispatchTask } from "../dispatch/dispatch-task.ts";
import { timeoutTask } from "../execution/timeout-task.ts";
import { retryTask } from "../job/retry-task.ts";
import { type Attendance, attendanceTask } from "../tasks/attendance.ts";
import { sharedStoreTasks } from "../tasks/store-tasks.ts";
import type { PlaneBase } from "./base.ts";
import type { composeExecutions } from "./jobs.ts";

/** The tasks of jobs, nodes and the store. The other features bring their own. */
export function composeTasks(
  { stores, bus, runnerOf }: PlaneBase,
  { service: executionService, dispatcher, flow: jobFlow }: ReturnType<typeof composeExecutions>,
  attendance: Attendance,
) {
  const { jobs, nodes, executions, assignments } = stores;
  const timeouts = runnerOf(timeoutTask({ jobs, executions, executionService, bus, attendance }));
  const retries = runnerOf(retryTask({ jobs, jobFlow, bus }));
  const others = [
    dispatchTask({ assignments, executions, executionService, dispatcher, jobFlow, attendance }),
    staleNodesTask({ nodes, executions, executionService, attendance, bus }),
    attendanceTask(attendance),
    ...sharedStoreTasks(stores),
  ];
  return { timeouts, retries, all: [...others.map(runnerOf), timeouts, retries] };
}
