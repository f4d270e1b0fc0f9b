import type { Identity } from "../../shared/auth.ts";
import type { CostEstimate } from "../../shared/credit.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { jobId } from "../../shared/ids.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { decodeCursor, encodeCursor } from "../http/page.ts";
import type { FitCheck } from "./fit.ts";
import { jobQuery } from "./job-query.ts";
import type { JobService } from "./job-service.ts";
import type { ManyChanged, ManyJobs } from "./many-jobs.ts";
import { explainFit, explainJob } from "./why.ts";

type ManyJobsHandlers = Pick<
  Handlers,
  "jobs.why" | "jobs.dry-run" | "jobs.submit-batch" | "jobs.cancel-matching" | "jobs.retry-matching"
>;

/** What such a job would cost; undefined where it would cost nothing. */
export type Estimate = (by: Identity, manifest: JobManifest) => Promise<CostEstimate | undefined>;

export function manyJobsHandlers(
  jobs: JobService,
  many: ManyJobs,
  fit: FitCheck,
  estimate: Estimate,
): ManyJobsHandlers {
  return {
    "jobs.why": async ({ jobId }, context) => {
      const job = await jobs.retrieve(businessOf(context), jobId);
      const isQueued = job.status === "QUEUED";
      const report = isQueued ? await fit.check(job) : NO_NODES;
      return { jobId, status: job.status, ...explainJob(job, report), ...report };
    },
    "jobs.dry-run": async (manifest, context) => {
      const report = await fit.check({ ...userOf(context), manifest });
      const schedulable = report.nodes.some((node) => node.verdict !== "never");
      const cost = await estimate(userOf(context), manifest);
      return { schedulable, summary: explainFit(report, "Such a job").summary, cost, ...report };
    },
    "jobs.submit-batch": async (input, context) => ({
      jobs: await many.submit(userOf(context), input.jobs, context.idempotencyKey),
    }),
    "jobs.cancel-matching": async (input, context) => answer(await many.cancel(queryOf(input, context))),
    "jobs.retry-matching": async (input, context) => answer(await many.retry(queryOf(input, context))),
  };
}

const NO_NODES = { nodes: [], moreNodes: false };

function queryOf(input: ParsedInput<"jobs.cancel-matching">, context: RequestContext) {
  const beforeJobId = decodeCursor(input.cursor, jobId);
  return { ...jobQuery(businessOf(context), input), beforeJobId, limit: input.limit };
}

function answer({ matched, changed, nextBeforeJobId }: ManyChanged) {
  const nextCursor = nextBeforeJobId === undefined ? undefined : encodeCursor(nextBeforeJobId);
  return { matched, changed, nextCursor };
}
