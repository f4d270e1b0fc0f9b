import { scheduleHandlers } from "../schedule/handlers.ts";
import { ScheduleService } from "../schedule/schedule-service.ts";
import { Scheduler, type SchedulerParts, scheduleTask } from "../schedule/scheduler.ts";
import type { PeriodicTask, TaskRunner } from "../tasks/periodic.ts";

/** Schedules as the control plane needs them: the task that fires them, and the handlers. */
export function composeSchedules(parts: SchedulerParts, runnerOf: (task: PeriodicTask) => TaskRunner) {
  const scheduler = new Scheduler(parts);
  const runner = runnerOf(scheduleTask(scheduler));
  const onDue = (atMs: number) => parts.bus.publish("due", { what: "fire", atMs });
  const service = new ScheduleService({ ...parts, scheduler, onDue });
  return {
    runner,
    scheduler,
    handlers: scheduleHandlers(service, parts.now),
    close: () => scheduler.close(),
  };
}
