import { jobId } from "../../shared/ids.ts";
import { MAX_COUNTED } from "../../shared/stats.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import type { Ownership } from "../http/ownership.ts";
import { readPage } from "../http/page.ts";
import type { RunStore } from "../workflow/run-store.ts";
import { behind, jobQuery } from "./job-query.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobService } from "./job-service.ts";
import { jobView } from "./job-view.ts";

type JobHandlers = Pick<
  Handlers,
  "jobs.submit" | "jobs.retrieve" | "jobs.list" | "jobs.count" | "jobs.cancel" | "jobs.retry"
>;

/** Why no registered node could ever run a queued job: one sentence per job, undefined if a node could. */
export type UnschedulableReasonsOf = (
  businessId: string,
  jobs: readonly JobRecord[],
) => Promise<readonly (string | undefined)[]>;

/** What each job has cost so far, in micro-dollars; undefined if running it costs nothing. */
export type CostsOf = (
  businessId: string,
  jobs: readonly JobRecord[],
) => Promise<readonly (number | undefined)[]>;

export function jobHandlers(
  jobs: JobService,
  reasonsOf: UnschedulableReasonsOf,
  costsOf: CostsOf,
  runs: Pick<RunStore, "find">,
  ownership: Ownership,
): JobHandlers {
  const requireOwn = (context: RequestContext, jobId: string) =>
    ownership.require(userOf(context), "jobs.change-others", async () => {
      const { userId: ownerId } = await jobs.retrieve(businessOf(context), jobId);
      return { what: `Job ${jobId}`, ownerId };
    });
  const viewsOf = async (businessId: string, records: readonly JobRecord[]) => {
    const reasons = await reasonsOf(businessId, records);
    const costs = await costsOf(businessId, records);
    return records.map((job, i) => jobView(job, reasons[i], costs[i]));
  };
  const viewOf = async (job: JobRecord) => {
    const [view] = await viewsOf(job.businessId, [job]);
    if (!view) throw new Error("A job has no view");
    return view;
  };
  return {
    "jobs.submit": async (manifest, context) =>
      viewOf(await jobs.submit(userOf(context), manifest, context.idempotencyKey)),
    "jobs.retrieve": async ({ jobId, waitSeconds }, context) => {
      const waitMs = waitSeconds * 1_000;
      const job = await jobs.waitUntilFinal(businessOf(context), jobId, waitMs, context.signal);
      const counts = await jobs.jobsByStatus(job);
      const view = await viewOf(job);
      if (counts) return { ...view, jobsByStatus: Object.fromEntries(counts) };
      const { executionId, manifest } = job;
      if (manifest.type !== "GITHUB_ACTION" || executionId === undefined) return view;
      return { ...view, workflowRun: (await runs.find(executionId))?.run };
    },
    "jobs.list": async (input, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        input,
        jobId,
        async (last, limit) => {
          const query = { ...jobQuery(businessId, input), ...behind(last, input), limit };
          const { jobs: rows, isCut, pausedAt } = await jobs.listSome(query);
          return { rows, isCut, pausedAt };
        },
        (job) => job.jobId,
      );
      return { jobs: await viewsOf(businessId, rows), nextCursor };
    },
    "jobs.count": async (input, context) => {
      const query = { ...jobQuery(businessOf(context), input), beforeJobId: undefined };
      const { count, isCut } = await jobs.count({ ...query, limit: MAX_COUNTED + 1 });
      return { count: Math.min(count, MAX_COUNTED), more: isCut || count > MAX_COUNTED };
    },
    "jobs.cancel": async ({ jobId }, context) => {
      await requireOwn(context, jobId);
      return viewOf(await jobs.cancel(businessOf(context), jobId));
    },
    "jobs.retry": async ({ jobId, ...choice }, context) => {
      await requireOwn(context, jobId);
      const { job, ...counts } = await jobs.retry(userOf(context), jobId, choice);
      return { ...(await viewOf(job)), ...counts };
    },
  };
}
