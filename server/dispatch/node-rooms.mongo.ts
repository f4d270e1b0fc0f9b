import type { Collection } from "mongodb";
import type { NodeDescription } from "../../shared/node.ts";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import type { NodeDocument } from "../node/node-documents.mongo.ts";
import { ASSIGNABLE, nodeFromDocument } from "../node/node-store.mongo.ts";
import type { NodeRecord } from "../node/node-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { MongoStore } from "../store/mongo.ts";

/** Node capacity that one job uses. */
type Held = Pick<ExecutionRecord, "resources" | "gpuIndexes">;

/** A node as it was read, with what its current jobs use. */
export interface NodeRoom {
  nodeId: string;
  description: NodeDescription;
  /** Determines who speaks for the node. */
  speaker: Pick<NodeRecord, "keyHash" | "run" | "removedAtMs">;
  /** The last assignment or change that it was read with; undefined: there was none. */
  stamp: string | undefined;
  /** What the node's current jobs use, and the jobs it is about to get. */
  held: Held[];
}

const MAX_PREPARED = 256;

/**
 * Keeps two servers from filling one node at the same time. A node has a stamp that every assignment replaces. Who hands out
 * jobs reads the stamp first, then what the node holds; creates the executions; and replaces the stamp that it read. If
 * that fails, another server gave the node jobs in the meantime, or somebody changed the node, and the executions are
 * undone. Who reads the new stamp also sees the executions, because they were there before it.
 */
export class NodeRooms {
  private readonly nodes: Collection<NodeDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly prepared = new RecentMap<NodeRoom>(MAX_PREPARED);

  constructor(store: MongoStore) {
    this.nodes = store.preparing("compute_nodes");
    this.executions = store.preparing("compute_executions");
  }

  /** Those of the nodes that may get jobs. Nothing is known yet of what they hold; see `readHeld`. */
  async read(businessId: string, nodeIds: readonly string[]): Promise<NodeRoom[]> {
    const ids = [...new Set(nodeIds)];
    const found = await this.nodes
      .find({ node_id: { $in: ids }, business_id: businessId, ...ASSIGNABLE })
      .toArray();
    return found.map((document) => {
      const { nodeId, description, ...speaker } = nodeFromDocument(document);
      return { nodeId, description, speaker, stamp: document.assign_stamp, held: [] };
    });
  }

  /** Adds what the jobs on these nodes use. The nodes must have been read before. */
  async readHeld(rooms: readonly NodeRoom[]): Promise<void> {
    const ids = rooms.map(({ nodeId }) => nodeId);
    const live = await this.executions
      .find({ live_on: { $in: ids } }, { projection: { node_id: 1, resources: 1, gpu_indexes: 1 } })
      .toArray();
    const byNode = Map.groupBy(live, (execution) => execution.node_id);
    for (const room of rooms) {
      const own = byNode.get(room.nodeId) ?? [];
      room.held = own.map(({ resources, gpu_indexes }) => ({ resources, gpuIndexes: gpu_indexes }));
    }
  }

  /**
   * Keeps these nodes, as they were read, until somebody takes them. What they hold is read meanwhile; if that fails, they are
   * not kept.
   */
  prepare(rooms: readonly NodeRoom[]): void {
    this.readHeld(rooms).then(
      () => {
        for (const room of rooms) this.prepared.set(room.nodeId, room);
      },
      () => undefined,
    );
  }

  /** The node as it was last prepared. It may have changed since; `confirm` finds out. */
  takePrepared(nodeId: string): NodeRoom | undefined {
    const room = this.prepared.get(nodeId);
    this.prepared.delete(nodeId);
    return room;
  }

  /** Replaces the stamps. Resolves with the ids of the nodes that were still as they were read. */
  async confirm(rooms: readonly NodeRoom[]): Promise<Set<string>> {
    const stamp = crypto.randomUUID();
    const writes = rooms.map(({ nodeId, stamp: readStamp, speaker: { keyHash, run } }) => ({
      updateOne: {
        filter: {
          node_id: nodeId,
          // Null matches an absent stamp, and an absent run.
          assign_stamp: readStamp ?? (null as unknown as undefined),
          key_hash: keyHash,
          "run.runId": run?.runId ?? (null as unknown as undefined),
          ...ASSIGNABLE,
        },
        update: { $set: { assign_stamp: stamp } },
      },
    }));
    const { matchedCount } = await this.nodes.bulkWrite(writes, { ordered: false });
    const ids = rooms.map(({ nodeId }) => nodeId);
    if (matchedCount === ids.length) return new Set(ids);
    return new Set(await this.nodes.distinct("node_id", { node_id: { $in: ids }, assign_stamp: stamp }));
  }
}
