import type { JobRecord } from "../job/job-record.ts";
import { requirementOf } from "../job/requirement.ts";
import type { NodeRecord, NodeStore } from "../node/node-store.ts";
import { SharedReads } from "../store/shared-reads.ts";
import { mismatch } from "./matching.ts";

/** With more nodes than this, not all are looked at, so none can be ruled out. */
const MAX_NODES = 1_000;
const MAX_NODES_NAMED = 3;

/** Says in one sentence why no registered node could ever run a queued job; undefined if a node could or might. */
export class Unschedulable {
  /** By business. */
  private readonly nodes: SharedReads<NodeRecord[]>;

  /** @param waitingIn the nodes of a business that are known to wait for jobs, which need not be read. */
  constructor(
    store: Pick<NodeStore, "list">,
    private readonly waitingIn: (businessId: string) => readonly NodeRecord[] = () => [],
  ) {
    const all = { status: undefined, beforeNodeId: undefined, limit: MAX_NODES + 1 };
    this.nodes = new SharedReads((businessId) => store.list({ ...all, businessId }));
  }

  /**
   * Resolves with one reason per job, in order. The nodes of the business are read once, and only if a job is queued that no
   * waiting node can run.
   */
  async explain(businessId: string, jobs: readonly JobRecord[]): Promise<(string | undefined)[]> {
    // An array never runs; only its jobs do.
    const queued = jobs.filter((job) => job.status === "QUEUED" && job.gate !== "array");
    const waiting = this.waitingIn(businessId);
    const open = firstOfQueues(queued).filter((job) => !canRunOn(job, waiting));
    if (open.length === 0) return jobs.map(() => undefined);
    const nodes = await this.nodes.get(businessId);
    if (nodes.length > MAX_NODES) return jobs.map(() => undefined);
    const reasons = new Map(open.map((job) => [job.queueKey, explainOne(job, nodes)]));
    const asked = new Set(queued);
    return jobs.map((job) => (asked.has(job) ? reasons.get(job.queueKey) : undefined));
  }
}

function firstOfQueues(jobs: readonly JobRecord[]): readonly JobRecord[] {
  return jobs.length < 2 ? jobs : [...new Map(jobs.map((job) => [job.queueKey, job])).values()];
}

function canRunOn({ manifest, userId }: JobRecord, nodes: readonly NodeRecord[]): boolean {
  if (nodes.length === 0) return false;
  const requirement = requirementOf(manifest, userId);
  return nodes.some((node) => mismatch(requirement, node.description) === undefined);
}

function explainOne(job: JobRecord, nodes: readonly NodeRecord[]): string | undefined {
  if (nodes.length === 0) {
    return "No node is registered. Start an agent with `tanvrit-compute agent run`.";
  }
  const requirement = requirementOf(job.manifest, job.userId);
  const reasons: string[] = [];
  for (const node of nodes) {
    const reason = mismatch(requirement, node.description);
    if (reason === undefined) return undefined;
    reasons.push(`${node.description.name}: ${reason}`);
  }
  const named = reasons.slice(0, MAX_NODES_NAMED).join("; ");
  const more = reasons.length > MAX_NODES_NAMED ? `; and ${reasons.length - MAX_NODES_NAMED} more` : "";
  const which =
    nodes.length === 1
      ? "The only registered node cannot"
      : `None of the ${nodes.length} registered nodes can`;
  return `${which} run this job: ${named}${more}.`;
}
