import type { Unschedulable } from "../dispatch/unschedulable.ts";
import type { JobService } from "../job/job-service.ts";
import { jobView } from "../job/job-view.ts";
import type { PeriodicTask, TaskRunner } from "../tasks/periodic.ts";
import { templateHandlers } from "../template/handlers.ts";
import { templateSeedTask } from "../template/seed.ts";
import { TemplateService } from "../template/template-service.ts";
import type { TemplateStore } from "../template/template-store.ts";

export interface TemplateParts {
  templates: TemplateStore;
  jobs: JobService;
  now: () => number;
  unschedulable: Unschedulable;
}

/** Templates as the control plane needs them: the task that seeds the builtin ones, and the handlers. */
export function composeTemplates(parts: TemplateParts, runnerOf: (task: PeriodicTask) => TaskRunner) {
  const service = new TemplateService(parts.templates, parts.jobs, parts.now);
  return {
    service,
    runner: runnerOf(templateSeedTask(parts.templates)),
    handlers: templateHandlers(service, async (job) => {
      const [reason] = await parts.unschedulable.explain(job.businessId, [job]);
      return jobView(job, reason);
    }),
  };
}
