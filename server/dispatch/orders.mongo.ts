import { newId } from "../../shared/ids.ts";
import { userOfQueue } from "../job/requirement.ts";
import type { ReservedRoom } from "../job/reserved-room.mongo.ts";
import type { AssignRequest } from "./assign-store.ts";
import type { Claim, ClaimDraft } from "./claims.mongo.ts";
import { mismatch, pickGpus, usageOf } from "./matching.ts";
import type { NodeRoom } from "./node-rooms.mongo.ts";
import { bestAhead, bestThatFits, type Shares } from "./picking.ts";
import type { MongoQueue } from "./queues.mongo.ts";

/** A request with its node and what it has claimed so far. */
export interface Order {
  request: AssignRequest;
  node: NodeRoom;
  claims: Claim[];
}

export function nodesOf(orders: Iterable<Order>): NodeRoom[] {
  return [...new Set([...orders].map(({ node }) => node))];
}

/** The room that the drafts need on each of these nodes; nothing for nodes that need none. */
export function reservedRooms(
  nodes: readonly NodeRoom[],
  drafts: readonly ClaimDraft[],
): Map<NodeRoom, ReservedRoom[]> {
  const byNode = Map.groupBy(drafts, ({ execution }) => execution.nodeId);
  return new Map(
    nodes.flatMap((node) => {
      const own = byNode.get(node.nodeId);
      return own ? [[node, own.map(reservedRoom)] as const] : [];
    }),
  );
}

function reservedRoom({ job, execution, version }: ClaimDraft): ReservedRoom {
  return {
    execution_id: execution.executionId,
    job_id: job.jobId,
    job_version: version,
    resources: execution.resources,
    gpu_indexes: execution.gpuIndexes,
    assigned_at: execution.assignedAtMs,
  };
}

/** A job that was picked for an order, and what it will use on its node. */
export interface Picked {
  order: Order;
  claim: Claim;
  held: NodeRoom["held"][number];
}

/**
 * Picks jobs for the order, up to its limit and the room on its node, and removes them from the queues. The node may have
 * `ahead` jobs more than it has slots.
 */
export function pick(order: Order, queues: readonly MongoQueue[], shares: Shares, ahead: number): Picked[] {
  const { request, node, claims } = order;
  const { description } = node;
  const able = queues.filter(({ requirement }) => mismatch(requirement, description) === undefined);
  const picked: Picked[] = [];
  while (claims.length < request.limit) {
    const usage = usageOf(node.held);
    const taker = { ...request, description };
    const queue =
      ahead === 0 ? bestThatFits(able, taker, usage, shares) : bestAhead(able, taker, ahead, usage, shares);
    const head = queue?.heads.shift();
    if (!queue || !head) break;
    const { resources } = queue.requirement;
    const gpuIndexes = pickGpus(resources.gpuCount, description.capacity, usage);
    const { jobId } = head;
    const claim: Claim = { executionId: newId("exe"), jobId, queue: queue.queue, request, gpuIndexes };
    const held = { resources, gpuIndexes };
    picked.push({ order, claim, held });
    claims.push(claim);
    node.held.push(held);
    shares.took(userOfQueue(queue.key));
  }
  return picked;
}
