import type { ClientSession, Collection } from "mongodb";
import type { NodeDescription } from "../../shared/node.ts";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import { ASSIGNABLE, type NodeDocument, nodeFromDocument } from "../node/node-store.mongo.ts";
import type { NodeRecord } from "../node/node-store.ts";
import type { MongoStore } from "../store/mongo.ts";

/** What of a node is taken by one job. */
type Held = Pick<ExecutionRecord, "resources" | "gpuIndexes">;

/** A node that nobody else hands jobs to at the moment. */
export interface LockedNode {
  nodeId: string;
  owner: string;
  description: NodeDescription;
  /** By what it is known who speaks for it; a change of that takes the lock away. */
  speaker: Pick<NodeRecord, "keyHash" | "run" | "removedAtMs">;
  /** What runs there, and what it is about to get. */
  held: Held[];
}

/** A server that dies with a lock leaves its node without new jobs for no longer. */
const LOCK_MS = 5_000;
/** Another server hands the node its jobs, so there is little to gain from waiting. */
const MAX_WAIT_MS = 500;
const LOOK_AGAIN_MS = 15;

/**
 * Keeps two servers from filling one node at the same time: what a node has free is only true while nobody else gives
 * it jobs. A lock that ran out is harmless, because executions are made only together with giving it back.
 */
export class NodeLocks {
  private readonly nodes: Collection<NodeDocument>;
  private readonly executions: Collection<ExecutionDocument>;

  constructor(store: MongoStore) {
    this.nodes = store.preparing("compute_nodes");
    this.executions = store.preparing("compute_executions");
  }

  /** Those of the nodes that may get jobs and are not another server's at the moment. */
  async take(businessId: string, nodeIds: readonly string[]): Promise<Map<string, LockedNode>> {
    const owner = crypto.randomUUID();
    const locked = new Map<string, LockedNode>();
    const deadlineMs = performance.now() + MAX_WAIT_MS;
    let open = [...new Set(nodeIds)];
    for (;;) {
      await this.lock(businessId, open, owner);
      const [found, held] = await Promise.all([
        this.nodes.find({ node_id: { $in: open }, business_id: businessId, ...ASSIGNABLE }).toArray(),
        this.readHeld(open),
      ]);
      for (const document of found) {
        if (document.assign_lock_owner !== owner) continue;
        const { nodeId, description, ...rest } = nodeFromDocument(document);
        locked.set(nodeId, { nodeId, owner, description, speaker: rest, held: held.get(nodeId) ?? [] });
      }
      const there = new Set(found.map((node) => node.node_id));
      // One that stopped taking work between the two steps must not stay locked for as long as nobody comes for it.
      await this.letGo(
        open.filter((nodeId) => !there.has(nodeId)),
        owner,
      );
      open = [...there].filter((nodeId) => !locked.has(nodeId));
      if (open.length === 0 || performance.now() > deadlineMs) return locked;
      await Bun.sleep(LOOK_AGAIN_MS * (0.5 + Math.random()));
    }
  }

  /** Gives the locks back that are still held. */
  async release(locked: readonly LockedNode[], session?: ClientSession): Promise<{ released: number }> {
    const [first] = locked;
    if (!first) return { released: 0 };
    const result = await this.nodes.updateMany(
      {
        node_id: { $in: locked.map((node) => node.nodeId) },
        assign_lock_owner: first.owner,
        // Within a transaction the executions depend on it: a node that was signed out or lost meanwhile gets none.
        ...(session && ASSIGNABLE),
      },
      { $unset: { assign_lock_owner: "", assign_lock_until: "" } },
      { session },
    );
    return { released: result.matchedCount };
  }

  /** Those that are still locked and may still get jobs. */
  async stillHeld(locked: readonly LockedNode[]): Promise<LockedNode[]> {
    const [first] = locked;
    if (!first) return [];
    const ids = await this.nodes.distinct("node_id", {
      node_id: { $in: locked.map((node) => node.nodeId) },
      assign_lock_owner: first.owner,
      ...ASSIGNABLE,
    });
    return locked.filter((node) => ids.includes(node.nodeId));
  }

  private async letGo(nodeIds: readonly string[], owner: string): Promise<void> {
    if (nodeIds.length === 0) return;
    await this.nodes.updateMany(
      { node_id: { $in: [...nodeIds] }, assign_lock_owner: owner },
      { $unset: { assign_lock_owner: "", assign_lock_until: "" } },
    );
  }

  private async lock(businessId: string, nodeIds: readonly string[], owner: string): Promise<void> {
    await this.nodes.updateMany(
      {
        node_id: { $in: [...nodeIds] },
        business_id: businessId,
        ...ASSIGNABLE,
        $or: [{ assign_lock_owner: { $exists: false } }, { $expr: { $lt: ["$assign_lock_until", "$$NOW"] } }],
      },
      [{ $set: { assign_lock_owner: owner, assign_lock_until: { $add: ["$$NOW", LOCK_MS] } } }],
    );
  }

  /** What runs on these nodes. True for as long as they are locked. */
  private async readHeld(nodeIds: readonly string[]): Promise<Map<string, Held[]>> {
    const live = await this.executions
      .find({ live_on: { $in: [...nodeIds] } }, { projection: { node_id: 1, resources: 1, gpu_indexes: 1 } })
      .toArray();
    const held = new Map<string, Held[]>();
    for (const { node_id, resources, gpu_indexes } of live) {
      const one = { resources, gpuIndexes: gpu_indexes };
      const others = held.get(node_id);
      if (others) others.push(one);
      else held.set(node_id, [one]);
    }
    return held;
  }
}
