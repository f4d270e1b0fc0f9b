import type { CanStart } from "../job/group-rules.ts";
import { requirementOf } from "../job/requirement.ts";
import type { NodeRecord, NodeStore } from "../node/node-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { absenceOf } from "./fit.ts";
import { mismatch } from "./matching.ts";

/** With more nodes than this, not all are looked at, so every job counts as able to start. */
const MAX_NODES = 1_000;
/** A group asks whenever one of its jobs ends. A change within this time is seen at the next look. */
const KNOWN_FOR_MS = 1_000;
const MAX_BUSINESSES = 1_000;

/** Says which jobs could run on a node that takes jobs now, immediately or once it has room. */
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
    const found = await this.nodes.list({
      businessId,
      status: undefined,
      beforeNodeId: undefined,
      limit: MAX_NODES + 1,
    });
    const nodes = found.length > MAX_NODES ? undefined : found.filter((node) => !absenceOf(node));
    this.known.set(businessId, { readAtMs, nodes });
    return nodes;
  }
}
