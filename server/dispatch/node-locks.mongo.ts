import type { ClientSession, Collection } from "mongodb";
import type { NodeDescription } from "../../shared/node.ts";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import type { NodeDocument } from "../node/node-documents.mongo.ts";
import { ASSIGNABLE, nodeFromDocument } from "../node/node-store.mongo.ts";
import type { NodeRecord } from "../node/node-store.ts";
import type { MongoStore } from "../store/mongo.ts";

/** Node capacity that one job uses. */
type Held = Pick<ExecutionRecord, "resources" | "gpuIndexes">;

/** A node to which no other server can hand jobs at the moment. */
export interface LockedNode {
  nodeId: string;
  owner: string;
  description: NodeDescription;
  /** Determines who speaks for the node. A change of it removes the lock. */
  speaker: Pick<NodeRecord, "keyHash" | "run" | "removedAtMs">;
  /** What the node's current jobs use, and the jobs it is about to get. */
  held: Held[];
}

/** If a server dies with a lock, its node gets no new jobs for at most this long. */
const LOCK_MS = 5_000;
/** How long to wait for a lock that another server has. That server hands jobs to the node, so waiting gains little. */
const MAX_WAIT_MS = 500;
const LOOK_AGAIN_MS = 15;

/**
 * Keeps two servers from filling one node at the same time: how much room a node has is only certain while nobody else
 * gives it jobs. A lock that has expired is harmless, because executions are created only together with releasing it.
 */
export class NodeLocks {
  private readonly nodes: Collection<NodeDocument>;
  private readonly executions: Collection<ExecutionDocument>;

  constructor(store: MongoStore) {
    this.nodes = store.preparing("compute_nodes");
    this.executions = store.preparing("compute_executions");
  }

  /** Locks those of the nodes that may get jobs, and waits up to `MAX_WAIT_MS` for nodes that another server has locked. */
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
      const assignable = new Set(found.map((node) => node.node_id));
      // A node that stopped taking work after it was locked must not stay locked.
      await this.unlock(
        open.filter((nodeId) => !assignable.has(nodeId)),
        owner,
      );
      open = [...assignable].filter((nodeId) => !locked.has(nodeId));
      if (open.length === 0 || performance.now() > deadlineMs) return locked;
      await Bun.sleep(LOOK_AGAIN_MS * (0.5 + Math.random()));
    }
  }

  /** Releases the locks that are still held. In a transaction: only those of nodes that may still get jobs. */
  async release(locked: readonly LockedNode[], session?: ClientSession): Promise<{ released: number }> {
    const [first] = locked;
    if (!first) return { released: 0 };
    const result = await this.nodes.updateMany(
      {
        node_id: { $in: locked.map((node) => node.nodeId) },
        assign_lock_owner: first.owner,
        // The transaction's executions depend on this: a node that was signed out or lost meanwhile gets none.
        ...(session && ASSIGNABLE),
      },
      { $unset: { assign_lock_owner: "", assign_lock_until: "" } },
      { session },
    );
    return { released: result.matchedCount };
  }

  /** The nodes that are still locked and may still get jobs. */
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

  private async unlock(nodeIds: readonly string[], owner: string): Promise<void> {
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

  /** What the jobs on these nodes use. It stays true as long as the nodes are locked. */
  private async readHeld(nodeIds: readonly string[]): Promise<Map<string, Held[]>> {
    const live = await this.executions
      .find({ live_on: { $in: [...nodeIds] } }, { projection: { node_id: 1, resources: 1, gpu_indexes: 1 } })
      .toArray();
    const held = new Map<string, Held[]>();
    for (const { node_id, resources, gpu_indexes } of live) {
      const usedByJob = { resources, gpuIndexes: gpu_indexes };
      const others = held.get(node_id);
      if (others) others.push(usedByJob);
      else held.set(node_id, [usedByJob]);
    }
    return held;
  }
}
