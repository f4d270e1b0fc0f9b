import { ComputeError } from "../../shared/errors.ts";
import { nodeId } from "../../shared/ids.ts";
import type { Node } from "../../shared/node.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import type { Ownership } from "../http/ownership.ts";
import { readPage } from "../http/page.ts";
import type { LiveCount } from "./live-count.ts";
import type { NodeService } from "./node-service.ts";
import { type NodeRecord, type NodeStore, nodeStatusOf } from "./node-store.ts";

export interface NodeViewParts {
  sessions: Pick<SessionStore, "findMember">;
  /** Counts the live executions of each node. */
  executions: { countLive(nodeIds: readonly string[]): Promise<Map<string, LiveCount>> };
}

export interface NodeHandlerParts extends NodeViewParts {
  service: NodeService;
  ownership: Ownership;
  nodes: NodeStore;
}

type NodeHandlers = Pick<
  Handlers,
  "nodes.list" | "nodes.retrieve" | "nodes.drain" | "nodes.grant" | "nodes.delete" | "nodes.rotate-key"
>;

/** Why a node whose session has ended gets no jobs. */
const SIGNED_OUT = "nobody is signed in on its machine; it goes on after tanvrit-compute auth login there";

export function nodeHandlers(parts: NodeHandlerParts): NodeHandlers {
  const { service, ownership } = parts;
  const requireOwn = async (context: RequestContext, nodeId: string) => {
    // A node acts only for itself.
    if (context.caller.kind === "node") return;
    await ownership.require(userOf(context), "nodes.change-others", async () => {
      const { description, userId: ownerId } = await service.find(businessOf(context), nodeId);
      return { what: `Node ${description.name} (${nodeId})`, ownerId };
    });
  };
  return {
    "nodes.list": async ({ status, name, pool, labels, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        nodeId,
        (beforeNodeId, limit) =>
          parts.nodes.list({ businessId, status, name, pool, labels, beforeNodeId, limit }),
        (node) => node.nodeId,
      );
      return { nodes: await viewNodes(parts, rows), nextCursor };
    },
    "nodes.retrieve": async (input, context) =>
      viewOne(parts, await service.find(businessOf(context), input.nodeId)),
    "nodes.drain": async (input, context) => {
      const target = targetNode(input.nodeId, context);
      await requireOwn(context, target);
      const { draining } = await service.find(businessOf(context), target);
      const node = await service.drain(businessOf(context), target, input.drain);
      context.note({ before: { draining }, after: { draining: node.draining } });
      return viewOne(parts, node);
    },
    "nodes.grant": async (input, context) => {
      await requireOwn(context, input.nodeId);
      const { grants: before } = await service.find(businessOf(context), input.nodeId);
      const node = await service.grant(businessOf(context), input);
      context.note({ before: { grants: before }, after: { grants: node.grants } });
      return viewOne(parts, node);
    },
    "nodes.delete": async ({ nodeId }, context) => {
      await requireOwn(context, nodeId);
      await service.remove(businessOf(context), nodeId);
      return {};
    },
    "nodes.rotate-key": async (input, context) => {
      const target = targetNode(input.nodeId, context);
      await requireOwn(context, target);
      const { caller, idempotencyKey } = context;
      const by = { keyHash: caller.kind === "node" ? caller.keyHash : undefined, idempotencyKey };
      return { nodeId: target, nodeKey: await service.rotateKey(businessOf(context), target, by) };
    },
  };
}

/** The node that a call is about. A user must name it. A node may leave it out, and cannot name another node. */
function targetNode(named: string | undefined, { caller }: RequestContext): string {
  if (caller.kind === "node") {
    if (named === undefined || named === caller.nodeId) return caller.nodeId;
    throw new ComputeError("not_found", `There is no node ${named} for this key.`);
  }
  if (named !== undefined) return named;
  throw new ComputeError("invalid_request", "Name the node.", {
    errors: [{ path: "nodeId", message: "is required when a user calls" }],
  });
}

async function viewOne(parts: NodeHandlerParts, record: NodeRecord): Promise<Node> {
  const [view] = await viewNodes(parts, [record]);
  if (!view) throw new Error("A node has no view");
  return view;
}

/** Executions that run or are about to. Those that were assigned ahead of a free slot do not count. */
function inSlots(
  { description }: NodeRecord,
  { live, running }: LiveCount = { live: 0, running: 0 },
): number {
  return Math.max(running, Math.min(live, description.capacity.slots));
}

/** Nodes as the API shows them. */
export async function viewNodes(
  { executions, sessions }: NodeViewParts,
  records: readonly NodeRecord[],
): Promise<Node[]> {
  const counts = await executions.countLive(records.map((record) => record.nodeId));
  const owners = new Map<string, string | undefined>();
  for (const { businessId, userId } of records) {
    if (!owners.has(userId)) owners.set(userId, (await sessions.findMember(businessId, userId))?.userName);
  }
  return records.map((record) => ({
    ...record.description,
    nodeId: record.nodeId,
    businessId: record.businessId,
    status: nodeStatusOf(record),
    refusing: record.accessEnded ? SIGNED_OUT : record.condition.refusing,
    runningExecutions: inSlots(record, counts.get(record.nodeId)),
    lastHeartbeatAt: isoTime(record.lastHeartbeatAtMs),
    createdAt: isoTime(record.createdAtMs),
    owner: owners.get(record.userId),
    host: record.run?.host,
    machine: record.run?.machine,
    waitsForGrant: record.ungranted,
    deletedAt: record.removedAtMs === undefined ? undefined : isoTime(record.removedAtMs),
  }));
}
