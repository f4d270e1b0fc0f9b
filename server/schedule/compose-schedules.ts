import { ComputeError } from "../../shared/errors.ts";
import type { PeriodicTask, TaskRunner } from "../tasks/periodic.ts";
import { scheduleHandlers } from "./handlers.ts";
import { ScheduleService } from "./schedule-service.ts";
import { Scheduler, type SchedulerParts, scheduleTask } from "./scheduler.ts";
import type { RenderTemplate } from "./template-job.ts";

/** Schedules as the control plane needs them: the task that fires them, and the handlers. */
export function composeSchedules(
  parts: Omit<SchedulerParts, "renderTemplate"> & { renderTemplate?: RenderTemplate },
  runnerOf: (task: PeriodicTask) => TaskRunner,
) {
  const { renderTemplate = noTemplates } = parts;
  const scheduler = new Scheduler({ ...parts, renderTemplate });
  const runner = runnerOf(scheduleTask(scheduler));
  const onDue = (atMs: number) => runner.runBefore(atMs);
  const service = new ScheduleService({ ...parts, renderTemplate, scheduler, onDue });
  return { runner, handlers: scheduleHandlers(service, parts.now), close: () => scheduler.close() };
}

const noTemplates: RenderTemplate = async (_businessId, nameOrId) => {
  throw new ComputeError("not_found", `There is no template ${nameOrId} in this business.`);
};
