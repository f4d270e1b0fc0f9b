import type { FitReport, FitVerdict, NodeFit } from "../../shared/fit.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import { type Requirement, requirementOf } from "../job/requirement.ts";
import type { NodeRecord, NodeStore } from "../node/node-store.ts";
import { fits, type Mismatch, mismatches, type Usage, usageOf } from "./matching.ts";

const MAX_NODES = 1_000;
/** For how many nodes executions are read in parallel. */
const READS_AT_ONCE = 16;
const BEST_FIRST: readonly FitVerdict[] = ["fits", "busy", "unavailable", "never"];

/** Checks for every node of a business whether it could run a job, and says why not. */
export class FitCheck {
  constructor(
    private readonly nodes: NodeStore,
    private readonly executions: ExecutionStore,
  ) {}

  async check(job: { businessId: string; userId: string; manifest: JobManifest }): Promise<FitReport> {
    const { businessId, userId, manifest } = job;
    const requirement = requirementOf(manifest, userId);
    const everyNode = { businessId, status: undefined, beforeNodeId: undefined, limit: MAX_NODES + 1 };
    const found = await this.nodes.list(everyNode);
    const nodes = found.slice(0, MAX_NODES);
    const fitsOfAll: NodeFit[] = [];
    for (let i = 0; i < nodes.length; i += READS_AT_ONCE) {
      const some = nodes.slice(i, i + READS_AT_ONCE);
      fitsOfAll.push(...(await Promise.all(some.map((node) => this.checkOne(requirement, node)))));
    }
    const couldEver = fitsOfAll.some(({ verdict }) => verdict !== "never");
    return {
      nodes: fitsOfAll.sort((a, b) => BEST_FIRST.indexOf(a.verdict) - BEST_FIRST.indexOf(b.verdict)),
      moreNodes: found.length > nodes.length,
      hint: couldEver ? undefined : hintOf(requirement, nodes),
    };
  }

  /** Whether other jobs still have every slot of the node that the job is assigned to. */
  async waitsForSlot({ businessId, nodeId = "", executionId = "" }: JobRecord): Promise<boolean> {
    const node = await this.nodes.find(businessId, nodeId);
    if (!node) return false;
    const live = await this.executions.live({ nodeId });
    const before = live.filter(
      ({ execution }) => execution.status === "RUNNING" || execution.executionId < executionId,
    );
    return before.length >= node.description.capacity.slots;
  }

  private async checkOne(requirement: Requirement, node: NodeRecord): Promise<NodeFit> {
    const { nodeId } = node;
    const { name } = node.description;
    const [first] = mismatches(requirement, node.description);
    if (first) return { nodeId, name, verdict: "never", rule: first.rule, detail: first.detail };
    const absence = absenceOf(node);
    if (absence) return { nodeId, name, verdict: "unavailable", ...absence };
    const live = await this.executions.live({ nodeId });
    const detail = shortageOf(requirement, node, usageOf(live.map(({ execution }) => execution)));
    if (detail !== undefined) return { nodeId, name, verdict: "busy", rule: "room", detail };
    return { nodeId, name, verdict: "fits", detail: "it can run it now" };
  }
}

/** Why a node takes no jobs at all now; undefined if it does. */
export function absenceOf(node: NodeRecord): Pick<NodeFit, "rule" | "detail"> | undefined {
  if (node.accessEnded) {
    return {
      rule: "signed-out",
      detail: "nobody is signed in on its machine; it goes on after the next sign-in there",
    };
  }
  if (node.offline) {
    const seen = new Date(node.lastHeartbeatAtMs).toISOString();
    return { rule: "offline", detail: `it is offline; last heard from at ${seen}` };
  }
  if (node.draining) return { rule: "draining", detail: "it is draining and gets no new jobs" };
  const { refusing } = node.condition;
  if (refusing !== undefined) return { rule: "refusing", detail: `it refuses work: ${refusing}` };
  return undefined;
}

/** Which capacity of the node is too full for the job now; undefined if the job fits. */
function shortageOf({ resources }: Requirement, node: NodeRecord, usage: Usage): string | undefined {
  const { capacity } = node.description;
  if (fits(resources, capacity, usage)) return undefined;
  const none = { cpu: 0, memoryMb: 0, gpuCount: 0 };
  // More jobs than slots: some wait there for a slot.
  const taken = Math.min(usage.slots, capacity.slots);
  const slotFree = { ...usage, slots: 0 };
  const short = [
    fits(none, capacity, usage) ? "" : `${taken} of ${capacity.slots} slots`,
    fits({ ...none, cpu: resources.cpu }, capacity, slotFree)
      ? ""
      : `${round(usage.cpu)} of ${capacity.cpu} cores (the job asks for ${resources.cpu})`,
    fits({ ...none, memoryMb: resources.memoryMb }, capacity, slotFree)
      ? ""
      : `${usage.memoryMb} of ${capacity.memoryMb} MiB of memory (the job asks for ${resources.memoryMb})`,
    fits({ ...none, gpuCount: resources.gpuCount }, capacity, slotFree)
      ? ""
      : `${usage.gpuIndexes.size} of ${capacity.gpuCount} GPUs (the job asks for ${resources.gpuCount})`,
  ].filter(Boolean);
  const jobs = taken === 1 ? "1 job takes" : `${taken} jobs take`;
  return `no room now: ${jobs} ${short.join(" and ")}`;
}

function round(cores: number): number {
  return Math.round(cores * 1_000) / 1_000;
}

/** Which changes would let the job run on the node that fails the fewest rules. */
function hintOf(requirement: Requirement, nodes: readonly NodeRecord[]): string {
  let nearest: { name: string; failed: Mismatch[] } | undefined;
  for (const { description } of nodes) {
    const failed = [...mismatches(requirement, description)];
    if (!nearest || failed.length < nearest.failed.length) nearest = { name: description.name, failed };
  }
  if (!nearest) return "No node is registered. Start an agent with `tanvrit-compute agent run`.";
  const { name, failed } = nearest;
  const changes = failed.map(({ change }) => change);
  if (changes.length === 1) return `The closest node is ${name}: it could run the job if ${changes[0]}.`;
  return `The closest node is ${name}: it could run the job if ${changes.length} things changed: ${changes.join("; ")}.`;
}
