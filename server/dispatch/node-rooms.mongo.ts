import type { Collection } from "mongodb";
import type { NodeDescription } from "../../shared/node.ts";
import { CLAIM_MS } from "../job/job-documents.mongo.ts";
import type { ExecutionRecord } from "../job/job-record.ts";
import { HeldReader, type ReservedRoom, recentlyReserved } from "../job/reserved-room.mongo.ts";
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
  /** What other servers have reserved on it and is still on its way. */
  reserved: readonly ReservedRoom[];
  /** What the node's current jobs use, and the jobs it is about to get. */
  held: Held[];
}

const MAX_READY = 256;
const MAX_PREPARING = 8;
const MAX_SETTLED = 4_096;

/** Whether other servers may no longer count what was reserved at that time, by `performance.now()`. */
export function isReservationOver(atMs: number): boolean {
  return performance.now() - atMs > CLAIM_MS;
}

/**
 * Keeps two servers from filling one node at the same time. A node has a stamp that every assignment replaces. Who hands out
 * jobs reads the stamp and what is reserved with it, then what the node holds; replaces the stamp that it read, and reserves
 * room with the new one; and creates the executions, at the same time. If replacing the stamp fails, another server gave
 * the node jobs in the meantime, or somebody changed the node, and the executions are undone. Who reads the new stamp
 * also sees what was reserved with it, and counts what is still on its way as held.
 */
export class NodeRooms {
  private readonly fresh: Collection<NodeDocument>;
  private readonly nodes: Collection<NodeDocument>;
  private readonly held: HeldReader;
  private readonly ready = new RecentMap<NodeRoom>(MAX_READY);
  private preparing = 0;
  /** The stamps of nodes whose executions are known to exist. */
  private readonly settled = new RecentMap<string>(MAX_SETTLED);

  constructor(store: MongoStore) {
    // Reads must see what other servers write, before a majority has it. Reservations must not be lost.
    this.fresh = store.preparing("compute_nodes");
    this.nodes = store.collection("compute_nodes");
    this.held = new HeldReader(store.preparing("compute_executions"), store.preparing("compute_jobs"));
  }

  /** Those of the nodes that may get jobs. Nothing is known yet of what they hold; see `readHeld`. */
  async read(businessId: string, nodeIds: readonly string[], nowMs: number): Promise<NodeRoom[]> {
    const ids = [...new Set(nodeIds)];
    const found = await this.fresh
      .find({ node_id: { $in: ids }, business_id: businessId, ...ASSIGNABLE })
      .toArray();
    return found.map((document) => {
      const { nodeId, description, ...speaker } = nodeFromDocument(document);
      const stamp = document.assign_stamp;
      const isSettled = stamp !== undefined && this.settled.get(nodeId) === stamp;
      const reserved = isSettled ? [] : recentlyReserved(document.reserved, nowMs);
      return { nodeId, description, speaker, stamp, reserved, held: [] };
    });
  }

  /** Adds what the jobs on these nodes use. The nodes must have been read before. */
  async readHeld(rooms: readonly NodeRoom[]): Promise<void> {
    const { live, onTheirWay } = await this.held.read(
      rooms.map(({ nodeId }) => nodeId),
      rooms.flatMap(({ reserved }) => reserved),
    );
    const byNode = Map.groupBy(live, (execution) => execution.live_on);
    for (const room of rooms) {
      room.reserved = room.reserved.filter((reserved) => onTheirWay.includes(reserved));
      const own = [...(byNode.get(room.nodeId) ?? []), ...room.reserved];
      room.held = own.map(({ resources, gpu_indexes }) => ({ resources, gpuIndexes: gpu_indexes }));
    }
  }

  /**
   * Keeps these nodes, as they were read, until room is reserved on them. What they hold is read meanwhile; if that fails, they
   * are not kept.
   */
  prepare(rooms: readonly NodeRoom[]): void {
    if (rooms.length === 0 || this.preparing >= MAX_PREPARING) return;
    this.preparing++;
    this.readHeld(rooms)
      .then(
        () => {
          for (const room of rooms) this.ready.set(room.nodeId, room);
        },
        () => undefined,
      )
      .finally(() => this.preparing--);
  }

  /** The node as it was last prepared. It may have changed since; `reserve` finds out. */
  prepared(nodeId: string): NodeRoom | undefined {
    return this.ready.get(nodeId);
  }

  /**
   * Reserves room on nodes for all that this server gives them, and replaces their stamps. Resolves with the nodes that were
   * still as they were read; they have the new stamp.
   */
  async reserve(wanted: ReadonlyMap<NodeRoom, readonly ReservedRoom[]>): Promise<Set<NodeRoom>> {
    if (wanted.size === 0) return new Set();
    for (const { nodeId } of wanted.keys()) this.ready.delete(nodeId);
    const stamp = crypto.randomUUID();
    const writes = [...wanted].map(([room, reserved]) => ({
      updateOne: {
        filter: {
          node_id: room.nodeId,
          // Null matches an absent stamp, and an absent run.
          assign_stamp: room.stamp ?? (null as unknown as undefined),
          key_hash: room.speaker.keyHash,
          "run.runId": room.speaker.run?.runId ?? (null as unknown as undefined),
          ...ASSIGNABLE,
        },
        update: {
          $set: { assign_stamp: stamp, reserved: [...room.reserved, ...reserved] },
        },
      },
    }));
    const { matchedCount } = await this.nodes.bulkWrite(writes, { ordered: false });
    const rooms = [...wanted.keys()];
    const confirmed = new Set(rooms);
    if (matchedCount < rooms.length) {
      const ids = rooms.map(({ nodeId }) => nodeId);
      const ours = await this.fresh.distinct("node_id", { node_id: { $in: ids }, assign_stamp: stamp });
      for (const room of rooms) if (!ours.includes(room.nodeId)) confirmed.delete(room);
    }
    for (const room of confirmed) room.stamp = stamp;
    return confirmed;
  }

  /** Tells that every execution for which this server reserved room on the node exists, or will never. */
  settle({ nodeId, stamp, reserved }: NodeRoom): void {
    if (stamp !== undefined && reserved.length === 0) this.settled.set(nodeId, stamp);
  }
}
