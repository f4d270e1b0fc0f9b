import { may } from "../../shared/roles.ts";
import type { ApiKeys } from "../api-key/api-keys.ts";
import type { JobService } from "../job/job-service.ts";
import { scheduleHandlers } from "../schedule/handlers.ts";
import { ScheduleService } from "../schedule/schedule-service.ts";
import { Scheduler, scheduleTask } from "../schedule/scheduler.ts";
import type { TemplateService } from "../template/template-service.ts";
import type { PlaneBase } from "./base.ts";

export interface ScheduleComposition {
  jobs: JobService;
  templates: TemplateService;
  apiKeys: ApiKeys;
}

/** Schedules, and the task that fires them. */
export function composeSchedules(
  { stores, bus, ownership, bin, now, onError, runnerOf }: PlaneBase,
  { jobs, templates, apiKeys }: ScheduleComposition,
) {
  const parts = {
    schedules: stores.schedules,
    jobs,
    renderTemplate: templates.render.bind(templates),
    keyUse: apiKeys.useLater.bind(apiKeys),
    mayRun: async (businessId: string, userId: string) =>
      may((await stores.people.membership(businessId, userId))?.role, "jobs.run"),
    bus,
    now,
    onError,
  };
  const scheduler = new Scheduler(parts);
  const onDue = (atMs: number) => bus.publish("due", { what: "fire", atMs });
  const checks = { checkJob: jobs.check.bind(jobs), checkMaker: jobs.checkMaker.bind(jobs) };
  const service = new ScheduleService({ ...parts, ...checks, scheduler, onDue });
  return {
    runner: runnerOf(scheduleTask(scheduler)),
    scheduler,
    handlers: scheduleHandlers(service, { ownership, bin, jobs: stores.jobs, now }),
    close: () => scheduler.close(),
  };
}
