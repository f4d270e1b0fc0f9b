import type { Collection, Filter } from "mongodb";
import type { NodeCondition, NodeStatus } from "../../shared/node.ts";
import { pcreOfGlob, plainName } from "../job/glob.ts";
import { HeldReader, recentlyReserved } from "../job/reserved-room.mongo.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import { Lookups } from "../store/lookups.mongo.ts";
import {
  ContentionError,
  isDuplicateKey,
  type MongoStore,
  outlastOthers,
  setAndUnset,
} from "../store/mongo.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import type { NodeDocument } from "./node-documents.mongo.ts";
import {
  type Expected,
  isSpeaker,
  type NodeChange,
  type NodeListQuery,
  type NodeRecord,
  type NodeStore,
  type Speaker,
  type StaleNodes,
} from "./node-store.ts";

/** `takesWork` as a filter. */
export const ASSIGNABLE = {
  draining: false,
  offline: false,
  access_ended: false,
  refusing: { $exists: false },
  removed_at: { $exists: false },
} as const;

/** `isSpeaker` as a filter. Null matches an absent run. */
function speaks({ keyHash, runId }: Speaker) {
  return {
    key_hash: keyHash,
    "run.runId": runId ?? (null as unknown as undefined),
    removed_at: { $exists: false },
  };
}

/** `nodeStatusOf` as a filter. */
const STATUS_FILTERS: Record<NodeStatus, Filter<NodeDocument>> = {
  ACTIVE: { offline: false, draining: false, suspended: { $ne: true } },
  DRAINING: { offline: false, draining: true },
  OFFLINE: { offline: true },
  SUSPENDED: { offline: false, draining: false, suspended: true },
};

/** Fields that a change removes when it sets them to undefined. */
const UNSET = { run: "run", ungranted: "ungranted", replacedKey: "replaced_key" } as const;
type Unset = (typeof UNSET)[keyof typeof UNSET];

const HEARTBEATS_PER_BATCH = 500;
const MAX_ON_MACHINE = 100;

interface Heartbeat {
  nodeId: string;
  nowMs: number;
  condition: NodeCondition;
  by: Speaker;
}

export class MongoNodeStore implements NodeStore {
  private readonly nodes: Collection<NodeDocument>;
  private readonly held: HeldReader;
  /** Every request of an agent asks for its node. */
  private readonly byId: Lookups<NodeDocument>;
  private readonly heartbeats = new Batches<Heartbeat, NodeRecord | undefined>(
    (batch) => this.store.attempt(() => this.writeHeartbeats(batch)),
    { maxItems: HEARTBEATS_PER_BATCH, maxInFlight: 2 },
  );

  constructor(private readonly store: MongoStore) {
    this.nodes = store.collection("compute_nodes");
    this.held = new HeldReader(store.collection("compute_executions"), store.collection("compute_jobs"));
    this.byId = new Lookups(store, {
      collection: this.nodes,
      filterOf: (ids) => ({ node_id: { $in: [...ids] } }),
      keyOf: (node) => node.node_id,
    });
  }

  async insert(node: NodeRecord, idempotencyKey?: string): Promise<NodeRecord> {
    const document = {
      node_id: node.nodeId,
      business_id: node.businessId,
      created_at: node.createdAtMs,
      ...conditionFields(node.condition),
      ...changeable(node),
    };
    const key = idempotencyKey === undefined ? undefined : `${node.userId}/${idempotencyKey}`;
    return this.store.attempt(async () => {
      try {
        await this.nodes.insertOne(key === undefined ? document : { ...document, idempotency_key: key });
        return node;
      } catch (error) {
        const earlier = isDuplicateKey(error) && key !== undefined;
        const found =
          earlier && (await this.nodes.findOne({ business_id: node.businessId, idempotency_key: key }));
        if (!found) throw error;
        return nodeFromDocument(found);
      }
    });
  }

  async findAny(nodeId: string): Promise<NodeRecord | undefined> {
    const found = await this.byId.find(nodeId);
    return found && nodeFromDocument(found);
  }

  async find(businessId: string, nodeId: string): Promise<NodeRecord | undefined> {
    const node = await this.findAny(nodeId);
    return node?.businessId === businessId ? node : undefined;
  }

  takenNames(businessId: string, names: readonly string[]): Promise<string[]> {
    return this.store.attempt(() =>
      this.nodes.distinct("description.name", {
        business_id: businessId,
        "description.name": { $in: [...names] },
        removed_at: { $exists: false },
      }),
    );
  }

  onMachine(businessId: string, machine: string): Promise<NodeRecord[]> {
    const filter = {
      business_id: businessId,
      "run.machine": machine,
      offline: false,
      removed_at: { $exists: false },
    };
    return this.store.attempt(async () => {
      const found = this.nodes.find(filter).limit(MAX_ON_MACHINE);
      return (await found.toArray()).map(nodeFromDocument);
    });
  }

  async list(query: NodeListQuery): Promise<NodeRecord[]> {
    const filter: Filter<NodeDocument> = { business_id: query.businessId, removed_at: { $exists: false } };
    if (query.beforeNodeId !== undefined) filter.node_id = { $lt: query.beforeNodeId };
    if (query.status) {
      const wanted = query.status.map((status) => STATUS_FILTERS[status]);
      if (wanted.length === 0) return [];
      filter.$or = wanted;
    }
    if (query.name !== undefined)
      filter["description.name"] = plainName(query.name) ?? { $regex: pcreOfGlob(query.name) };
    if (query.pool !== undefined) filter["description.pool"] = query.pool;
    // The keys of labels may have dots, which a path cannot have.
    const labels = Object.entries(query.labels ?? {}).map(([key, value]) => {
      const field = { $getField: { field: { $literal: key }, input: "$description.labels" } };
      return { $expr: { $eq: [field, { $literal: value }] } };
    });
    if (labels.length > 0) filter.$and = labels;
    return this.store.attempt(async () => {
      const found = await this.nodes.find(filter).sort({ node_id: -1 }).limit(query.limit).toArray();
      return found.map(nodeFromDocument);
    });
  }

  update(
    businessId: string,
    nodeId: string,
    change: NodeChange,
    expected?: Expected,
  ): Promise<NodeRecord | undefined> {
    const { $set } = setAndUnset(changeable(change));
    const $unset: Partial<Record<Unset, "">> = {};
    for (const [field, column] of Object.entries(UNSET) as [keyof typeof UNSET, Unset][])
      if (field in change && change[field] === undefined) $unset[column] = "";
    if (Object.keys({ ...$set, ...$unset }).length === 0) return this.find(businessId, nodeId);
    // A server that hands out jobs right now has read the old values. With another stamp its executions are undone.
    const isOther = change.description || change.keyHash !== undefined || "run" in change;
    const stamped = isOther ? { ...$set, assign_stamp: crypto.randomUUID() } : $set;
    const filter: Filter<NodeDocument> = {
      node_id: nodeId,
      business_id: businessId,
      removed_at: { $exists: false },
    };
    if (expected && "keyHash" in expected) filter.key_hash = expected.keyHash;
    else if (expected) filter["run.runId"] = expected.runId ?? (null as unknown as undefined);
    return this.store.attempt(async () => {
      const changed = await this.nodes.findOneAndUpdate(
        filter,
        { $set: stamped, $unset },
        { returnDocument: "after" },
      );
      return changed ? nodeFromDocument(changed) : undefined;
    });
  }

  heartbeat(
    nodeId: string,
    nowMs: number,
    condition: NodeCondition,
    by: Speaker,
  ): Promise<NodeRecord | undefined> {
    return this.heartbeats.add({ nodeId, nowMs, condition, by });
  }

  leave(businessId: string, nodeId: string, by: Speaker): Promise<boolean> {
    return this.store.attempt(() => outlastOthers(() => this.leaveOnce(businessId, nodeId, by)));
  }

  /** A server that gives the node jobs reserves room for them when it replaces the stamp: that is seen here, or it fails. */
  private async leaveOnce(businessId: string, nodeId: string, by: Speaker): Promise<boolean> {
    const own = { node_id: nodeId, business_id: businessId, ...speaks(by) };
    const node = await this.nodes.findOne(own, { projection: { assign_stamp: 1, reserved: 1 } });
    if (!node) return false;
    const reserved = recentlyReserved(node.reserved, Date.now());
    const { live, onTheirWay } = await this.held.read([nodeId], reserved);
    if (live.length > 0) return false;
    if (onTheirWay.length > 0) throw new ContentionError("The node is being given jobs.");
    const assign_stamp = node.assign_stamp ?? (null as unknown as undefined);
    const { matchedCount } = await this.nodes.updateOne(
      { ...own, assign_stamp },
      { $set: { offline: true } },
    );
    if (matchedCount === 0) throw new ContentionError("The node was given jobs in between.");
    return true;
  }

  remove(businessId: string, nodeId: string, nowMs: number): Promise<boolean> {
    return this.store.attempt(async () => {
      const { matchedCount } = await this.nodes.updateOne(
        { node_id: nodeId, business_id: businessId, offline: true, removed_at: { $exists: false } },
        { $set: { removed_at: nowMs } },
      );
      return matchedCount > 0;
    });
  }

  endAccess(sessionId: string): Promise<Pick<NodeRecord, "nodeId" | "businessId">[]> {
    return this.store.attempt(async () => {
      await this.nodes.updateMany({ session_id: sessionId }, { $set: { access_ended: true } });
      const ended = await this.nodes.find({ session_id: sessionId }).toArray();
      return ended.map(nodeFromDocument);
    });
  }

  markStale(heartbeatBeforeMs: number): Promise<StaleNodes> {
    return this.store.attempt(async () => {
      const stale = { offline: false, last_heartbeat_at: { $lt: heartbeatBeforeMs } };
      const found = await this.nodes.find(stale).project({ node_id: 1, business_id: 1 }).toArray();
      if (found.length > 0) await this.nodes.updateMany(stale, { $set: { offline: true } });
      const marked = found.map((one) => ({ nodeId: one.node_id, businessId: one.business_id }));
      const oldest = await this.nodes
        .find({ offline: false, last_heartbeat_at: { $gte: heartbeatBeforeMs } })
        .sort({ last_heartbeat_at: 1 })
        .limit(1)
        .next();
      return { marked, oldestHeartbeatAtMs: oldest?.last_heartbeat_at };
    });
  }

  bringBack(nowMs: number): Promise<number> {
    return this.store.attempt(async () => {
      const ahead = { offline: false, last_heartbeat_at: { $gt: nowMs + CLOCK_SKEW_MS } };
      return (await this.nodes.updateMany(ahead, { $set: { last_heartbeat_at: nowMs } })).modifiedCount;
    });
  }

  private async writeHeartbeats(batch: readonly Waiting<Heartbeat, NodeRecord | undefined>[]): Promise<void> {
    const writes = batch.map(({ item: { nodeId, nowMs, condition, by } }) => ({
      updateOne: {
        filter: { node_id: nodeId, ...speaks(by) },
        update: setAndUnset({ last_heartbeat_at: nowMs, offline: false, ...conditionFields(condition) }),
      },
    }));
    await this.nodes.bulkWrite(writes, { ordered: false });
    const ids = [...new Set(batch.map(({ item }) => item.nodeId))];
    const found = await this.nodes.find({ node_id: { $in: ids } }).toArray();
    const byId = new Map(found.map((document) => [document.node_id, document]));
    for (const { item, resolve } of batch) {
      const document = byId.get(item.nodeId);
      const node = document && nodeFromDocument(document);
      resolve(node && isSpeaker(node, item.by) ? node : undefined);
    }
  }
}

function conditionFields({ suspended, refusing }: NodeCondition) {
  return { suspended, refusing };
}

function changeable<Fields extends NodeChange>(node: Fields) {
  return {
    user_id: node.userId,
    session_id: node.sessionId,
    description: node.description,
    draining: node.draining,
    offline: node.offline,
    access_ended: node.accessEnded,
    key_hash: node.keyHash,
    key_issued_at: node.keyIssuedAtMs,
    replaced_key: node.replacedKey,
    run: node.run,
    grants: node.grants,
    ungranted: node.ungranted,
    last_heartbeat_at: node.lastHeartbeatAtMs,
  } as {
    user_id: Fields["userId"];
    session_id: Fields["sessionId"];
    description: Fields["description"];
    draining: Fields["draining"];
    offline: Fields["offline"];
    access_ended: Fields["accessEnded"];
    key_hash: Fields["keyHash"];
    key_issued_at: Fields["keyIssuedAtMs"];
    replaced_key: Fields["replacedKey"];
    run: Fields["run"];
    grants: Fields["grants"];
    ungranted: Fields["ungranted"];
    last_heartbeat_at: Fields["lastHeartbeatAtMs"];
  };
}

export function nodeFromDocument(document: NodeDocument): NodeRecord {
  return {
    nodeId: document.node_id,
    businessId: document.business_id,
    userId: document.user_id,
    sessionId: document.session_id,
    description: document.description,
    draining: document.draining,
    offline: document.offline,
    accessEnded: document.access_ended,
    condition: { suspended: document.suspended ?? false, refusing: document.refusing },
    keyHash: document.key_hash,
    keyIssuedAtMs: document.key_issued_at,
    replacedKey: document.replaced_key,
    run: document.run,
    grants: document.grants,
    ungranted: document.ungranted,
    removedAtMs: document.removed_at,
    lastHeartbeatAtMs: document.last_heartbeat_at,
    createdAtMs: document.created_at,
  };
}
