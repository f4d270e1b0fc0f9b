import type { Identity } from "../../shared/auth.ts";
import type { CostEstimate } from "../../shared/credit.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { jobId } from "../../shared/ids.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { FitCheck } from "../dispatch/fit.ts";
import { explainFit, explainJob } from "../dispatch/why.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { decodeCursor, encodeCursor } from "../http/page.ts";
import type { JobFlowStore } from "./flow-store.ts";
import { holdersOf } from "./group-holders.ts";
import { jobQuery } from "./job-query.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobService } from "./job-service.ts";
import type { ManyJobs, RetryPlace } from "./many-jobs.ts";

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
  flow: Pick<JobFlowStore, "groupHolders">,
  estimate: Estimate,
): ManyJobsHandlers {
  return {
    "jobs.why": async ({ jobId }, context) => {
      const job = await jobs.retrieve(businessOf(context), jobId);
      const isQueued = job.status === "QUEUED";
      const report = isQueued ? await fit.check(job) : NO_NODES;
      const holders = await holdersOf(job, flow, fit);
      const heldBy = holders.map((one) => one.job).map(heldByView);
      return { jobId, status: job.status, ...explainJob(job, report, holders), heldBy, ...report };
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
    "jobs.cancel-matching": async (input, context) => {
      const beforeJobId = decodeCursor(input.cursor, jobId);
      const { nextBeforeJobId, ...counts } = await many.cancel({ ...queryOf(input, context), beforeJobId });
      return { ...counts, nextCursor: nextBeforeJobId && encodeCursor(nextBeforeJobId) };
    },
    "jobs.retry-matching": async (input, context) => {
      const query = queryOf(input, context);
      const { next, ...counts } = await many.retry(query, placeOf(input.cursor), input.withDependents);
      return { ...counts, nextCursor: next && encodeCursor(`${next.behindJobId}/${next.lastJobId}`) };
    },
  };
}

const NO_NODES = { nodes: [], moreNodes: false };

function queryOf(input: ParsedInput<"jobs.cancel-matching">, context: RequestContext) {
  return { ...jobQuery(businessOf(context), input), limit: input.limit };
}

function placeOf(cursor: string | undefined): RetryPlace | undefined {
  const twoIds = { safeParse: (text: string) => ({ success: isPlace(text) }) };
  const [behindJobId, lastJobId] = decodeCursor(cursor, twoIds)?.split("/") ?? [];
  return behindJobId === undefined || lastJobId === undefined ? undefined : { behindJobId, lastJobId };
}

function isPlace(text: string): boolean {
  const ids = text.split("/");
  return ids.length === 2 && ids.every((id) => jobId.safeParse(id).success);
}

function heldByView({ jobId, status, manifest }: JobRecord) {
  return { jobId, status, name: manifest.name };
}
