import type { CanStart } from "../job/group-rules.ts";
import { requirementOf } from "../job/requirement.ts";
import type { NodeRecord, NodeStore } from "../node/node-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { absenceOf } from "./fit.ts";
import { mismatch } from "./matching.ts";

/** Of more nodes some are not looked at, and so every job counts as one that could start. */
const MAX_NODES = 1_000;
/** A group asks whenever one of its jobs ends; what changes meanwhile is seen at the next look. */
const KNOWN_FOR_MS = 1_000;
const MAX_BUSINESSES = 1_000;

/** Tells which jobs the nodes that take jobs now could be given, if not at once. */
export class Startable {
  private readonly known = new RecentMap<{ readAtMs: number; nodes: readonly NodeRecord[] | undefined }>(
    MAX_BUSINESSES,
  );

  constructor(private readonly nodes: NodeStore) {}

  async of(businessId: string): Promise<CanStart> {
    const nodes = await this.read(businessId);
    if (!nodes) return () => true;
    const verdicts = new Map<string, boolean>();
    return ({ queueKey, manifest, userId }) => {
      let verdict = verdicts.get(queueKey);
      if (verdict === undefined) {
        const requirement = requirementOf(manifest, userId);
        verdict = nodes.some((node) => mismatch(requirement, node.description) === undefined);
        verdicts.set(queueKey, verdict);
      }
      return verdict;
    };
  }

  private async read(businessId: string): Promise<readonly NodeRecord[] | undefined> {
    const known = this.known.get(businessId);
    if (known && performance.now() - known.readAtMs < KNOWN_FOR_MS) return known.nodes;
    const readAtMs = performance.now();
    const every = { businessId, status: undefined, beforeNodeId: undefined, limit: MAX_NODES + 1 };
    const found = await this.nodes.list(every);
    const nodes = found.length > MAX_NODES ? undefined : found.filter((node) => !absenceOf(node));
    this.known.set(businessId, { readAtMs, nodes });
    return nodes;
  }
}
