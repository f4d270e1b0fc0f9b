import { jobId } from "../../shared/ids.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { decodeCursor, pageOf } from "../http/page.ts";
import { jobQuery } from "./job-query.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobService } from "./job-service.ts";
import { jobView } from "./job-view.ts";
import type { Unschedulable } from "./unschedulable.ts";

type JobHandlers = Pick<
  Handlers,
  "jobs.submit" | "jobs.retrieve" | "jobs.list" | "jobs.cancel" | "jobs.retry"
>;

export function jobHandlers(jobs: JobService, unschedulable: Unschedulable): JobHandlers {
  const viewOf = async (job: JobRecord) => {
    const [reason] = await unschedulable.explain(job.businessId, [job]);
    return jobView(job, reason);
  };
  return {
    "jobs.submit": async (manifest, context) =>
      viewOf(await jobs.submit(userOf(context), manifest, context.idempotencyKey)),
    "jobs.retrieve": async ({ jobId, waitSeconds }, context) =>
      viewOf(await jobs.waitUntilFinal(businessOf(context), jobId, waitSeconds * 1_000, context.signal)),
    "jobs.list": async (input, context) => {
      const businessId = businessOf(context);
      const found = await jobs.list({
        ...jobQuery(businessId, input),
        beforeJobId: decodeCursor(input.cursor, jobId),
        limit: input.limit + 1,
      });
      const { rows, nextCursor } = pageOf(found, input.limit, (job) => job.jobId);
      const reasons = await unschedulable.explain(businessId, rows);
      return { jobs: rows.map((job, i) => jobView(job, reasons[i])), nextCursor };
    },
    "jobs.cancel": async ({ jobId }, context) => viewOf(await jobs.cancel(businessOf(context), jobId)),
    "jobs.retry": async ({ jobId }, context) => viewOf(await jobs.retry(businessOf(context), jobId)),
  };
}
