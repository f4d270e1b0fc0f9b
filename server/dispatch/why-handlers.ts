import type { Identity } from "../../shared/auth.ts";
import type { CostEstimate } from "../../shared/credit.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { JobService } from "../job/job-service.ts";
import type { AssignStore } from "./assign-store.ts";
import type { FitCheck } from "./fit.ts";
import { holdersOf } from "./group-holders.ts";
import { explainFit, explainJob } from "./why.ts";

/** What such a job would cost; undefined if it would cost nothing. */
export type Estimate = (by: Identity, manifest: JobManifest) => Promise<CostEstimate | undefined>;

/** Counting stops here. */
const MAX_AHEAD = 1_000;

export const NO_NODES = { nodes: [], moreNodes: false };

function isClaimable({ status, gate, notBeforeMs }: JobRecord): boolean {
  return status === "QUEUED" && gate === undefined && notBeforeMs === undefined;
}

export function heldByView({ jobId, status, manifest }: JobRecord) {
  return { jobId, status, name: manifest.name };
}

export function whyHandlers(
  jobs: JobService,
  fit: FitCheck,
  flow: Pick<JobFlowStore, "groupHolders">,
  estimate: Estimate,
  countAhead: AssignStore["countAhead"],
): Pick<Handlers, "jobs.why" | "jobs.dry-run"> {
  return {
    "jobs.why": async ({ jobId }, context) => {
      const job = await jobs.retrieve(businessOf(context), jobId);
      const isQueued = job.status === "QUEUED";
      const report = isQueued ? await fit.check(job) : NO_NODES;
      const holders = await holdersOf(job, flow, fit);
      const heldBy = holders.map((holder) => heldByView(holder.job));
      const waitsForSlot = job.status === "ASSIGNED" && (await fit.waitsForSlot(job));
      const ahead = isClaimable(job) ? await countAhead(job, MAX_AHEAD + 1) : undefined;
      return {
        ...{
          jobId,
          status: job.status,
          ...explainJob(job, report, holders, waitsForSlot),
          heldBy,
          ...report,
        },
        ahead:
          ahead === undefined ? undefined : { count: Math.min(ahead, MAX_AHEAD), more: ahead > MAX_AHEAD },
      };
    },
    "jobs.dry-run": async (manifest, context) => {
      const report = await fit.check({ ...userOf(context), manifest });
      const schedulable = report.nodes.some((node) => node.verdict !== "never");
      const cost = await estimate(userOf(context), manifest);
      return { schedulable, summary: explainFit(report, "Such a job").summary, cost, ...report };
    },
  };
}
