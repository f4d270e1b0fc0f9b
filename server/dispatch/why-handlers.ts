import type { Identity } from "../../shared/auth.ts";
import type { CostEstimate } from "../../shared/credit.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { JobService } from "../job/job-service.ts";
import type { FitCheck } from "./fit.ts";
import { holdersOf } from "./group-holders.ts";
import { explainFit, explainJob } from "./why.ts";

/** What such a job would cost; undefined if it would cost nothing. */
export type Estimate = (by: Identity, manifest: JobManifest) => Promise<CostEstimate | undefined>;

export const NO_NODES = { nodes: [], moreNodes: false };

export function heldByView({ jobId, status, manifest }: JobRecord) {
  return { jobId, status, name: manifest.name };
}

export function whyHandlers(
  jobs: JobService,
  fit: FitCheck,
  flow: Pick<JobFlowStore, "groupHolders">,
  estimate: Estimate,
): Pick<Handlers, "jobs.why" | "jobs.dry-run"> {
  return {
    "jobs.why": async ({ jobId }, context) => {
      const job = await jobs.retrieve(businessOf(context), jobId);
      const isQueued = job.status === "QUEUED";
      const report = isQueued ? await fit.check(job) : NO_NODES;
      const holders = await holdersOf(job, flow, fit);
      const heldBy = holders.map((holder) => heldByView(holder.job));
      return { jobId, status: job.status, ...explainJob(job, report, holders), heldBy, ...report };
    },
    "jobs.dry-run": async (manifest, context) => {
      const report = await fit.check({ ...userOf(context), manifest });
      const schedulable = report.nodes.some((node) => node.verdict !== "never");
      const cost = await estimate(userOf(context), manifest);
      return { schedulable, summary: explainFit(report, "Such a job").summary, cost, ...report };
    },
  };
}
