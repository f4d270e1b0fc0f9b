import type { JobRecord } from "../job/job-record.ts";
import { jobView } from "../job/job-view.ts";
import { templateHandlers } from "../template/handlers.ts";
import { templateSeedTask } from "../template/seed.ts";
import { TemplateService } from "../template/template-service.ts";
import type { PlaneBase } from "./base.ts";
import type { composeJobs } from "./jobs.ts";

/** Templates, and the task that stores the builtin ones. */
export function composeTemplates(
  { stores, ownership, bin, now, runnerOf }: PlaneBase,
  { service: jobs, checkNeeds, unschedulable }: ReturnType<typeof composeJobs>,
) {
  const service = new TemplateService(stores.templates, jobs, now, checkNeeds);
  const viewOfJob = async (job: JobRecord) => {
    const [reason] = await unschedulable.explain(job.businessId, [job]);
    return jobView(job, reason);
  };
  return {
    service,
    runner: runnerOf(templateSeedTask(stores.templates)),
    handlers: templateHandlers(service, viewOfJob, { ownership, bin }),
  };
}
