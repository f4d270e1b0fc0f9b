import type { FitReport } from "../../shared/fit.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { FitCheck } from "./fit.ts";
import { explainJob, type Holder } from "./why.ts";

/** The most that are named. */
const MAX_HOLDERS = 20;
const NO_NODES: FitReport = { nodes: [], moreNodes: false };

/** Who has the places in the group that the job waits for, the oldest first; none where it waits for none. */
export async function holdersOf(
  job: JobRecord,
  flow: Pick<JobFlowStore, "groupHolders">,
  fit: FitCheck,
): Promise<Holder[]> {
  const group = job.manifest.concurrency?.group;
  if (job.status !== "QUEUED" || job.gate !== "group" || group === undefined) return [];
  const found = await flow.groupHolders({ businessId: job.businessId, group }, MAX_HOLDERS);
  const holders: Holder[] = [];
  for (const [i, one] of found.entries()) {
    // How the nodes stand is looked at for the first one alone.
    const report = i === 0 && one.status === "QUEUED" ? await fit.check(one) : NO_NODES;
    holders.push({ job: one, why: explainJob(one, report) });
  }
  return holders;
}
