import type { FitReport } from "../../shared/fit.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { FitCheck } from "./fit.ts";
import { explainJob, type Holder } from "./why.ts";

/** The most holders that are listed. */
const MAX_HOLDERS = 20;
const NO_NODES: FitReport = { nodes: [], moreNodes: false };

/** The jobs that hold places in the group that the job waits for, the oldest first. Empty if it waits for no group. */
export async function holdersOf(
  job: JobRecord,
  flow: Pick<JobFlowStore, "groupHolders">,
  fit: FitCheck,
): Promise<Holder[]> {
  const group = job.manifest.concurrency?.group;
  if (job.status !== "QUEUED" || job.gate !== "group" || group === undefined) return [];
  const found = await flow.groupHolders({ businessId: job.businessId, group }, MAX_HOLDERS);
  const holders: Holder[] = [];
  for (const [i, holder] of found.entries()) {
    // Nodes are checked for the first holder only: only its explanation is shown.
    const report = i === 0 && holder.status === "QUEUED" ? await fit.check(holder) : NO_NODES;
    holders.push({ job: holder, why: explainJob(holder, report) });
  }
  return holders;
}
