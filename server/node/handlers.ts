import { ComputeError } from "../../shared/errors.ts";
import { nodeId } from "../../shared/ids.ts";
import type { Node } from "../../shared/node.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import { assignmentView, isoTime } from "../execution/execution-view.ts";
import { businessOf, nodeOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { readPage } from "../http/page.ts";
import { type LogLimits, logCapBytes } from "../retention/settings.ts";
import { HEARTBEAT_MS, OFFLINE_AFTER_MS } from "../tasks/tasks.ts";
import type { NodeService } from "./node-service.ts";
import { type NodeRecord, type NodeStore, nodeStatusOf } from "./node-store.ts";

export interface NodeHandlerParts {
  service: NodeService;
  nodes: NodeStore;
  sessions: Pick<SessionStore, "findMember">;
  executions: ExecutionStore;
  executionService: ExecutionService;
  pushLogs: Handlers["nodes.logs"];
  logLimits: LogLimits;
}

type NodeHandlers = Pick<
  Handlers,
  | "nodes.register"
  | "nodes.heartbeat"
  | "nodes.poll"
  | "nodes.result"
  | "nodes.logs"
  | "nodes.list"
  | "nodes.retrieve"
  | "nodes.drain"
  | "nodes.grant"
  | "nodes.delete"
  | "nodes.rotate-key"
>;

export function nodeHandlers(parts: NodeHandlerParts): NodeHandlers {
  const { service, executionService } = parts;
  return {
    "nodes.register": async (input, context) => {
      const times = { heartbeatSeconds: HEARTBEAT_MS / 1_000, offlineAfterSeconds: OFFLINE_AFTER_MS / 1_000 };
      if (context.caller.kind === "user") {
        const { node, nodeKey } = await service.registerByUser(context.caller, input, context.idempotencyKey);
        return { ...times, nodeKey, ...(await registered(parts, node)) };
      }
      return { ...times, ...(await registered(parts, await service.registerByNode(nodeOf(context), input))) };
    },
    "nodes.heartbeat": (input, context) => service.heartbeat(nodeOf(context), input),
    "nodes.poll": async (input, context) => {
      const { orders, assigned } = await service.poll(nodeOf(context), input, context.signal);
      const assignments = assigned.map((one) => {
        const { businessId, manifest } = one.job;
        return assignmentView(one, logCapBytes(parts.logLimits, businessId, manifest.maxLogMb));
      });
      return { ...orders, assignments };
    },
    "nodes.result": async (input, context) => ({
      outcomes: await executionService.report(nodeOf(context), input.reports),
    }),
    "nodes.logs": parts.pushLogs,
    "nodes.list": async ({ status, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        nodeId,
        (beforeNodeId, limit) => parts.nodes.list({ businessId, status, beforeNodeId, limit }),
        (one) => one.nodeId,
      );
      return { nodes: await viewAll(parts, rows), nextCursor };
    },
    "nodes.retrieve": async (input, context) =>
      viewOne(parts, await service.find(businessOf(context), input.nodeId)),
    "nodes.drain": async (input, context) =>
      viewOne(
        parts,
        await service.drain(businessOf(context), targetNode(input.nodeId, context), input.drain),
      ),
    "nodes.grant": async (input, context) => viewOne(parts, await service.grant(userOf(context), input)),
    "nodes.delete": async ({ nodeId }, context) => {
      await service.remove(businessOf(context), nodeId);
      return {};
    },
    "nodes.rotate-key": async (input, context) => {
      const target = targetNode(input.nodeId, context);
      return { nodeId: target, nodeKey: await service.rotateKey(businessOf(context), target) };
    },
  };
}

/** A user names the node; a node may leave it out and never means another one. */
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

/** The node that registered, and its neighbours. */
async function registered(parts: NodeHandlerParts, record: NodeRecord) {
  const { businessId, nodeId, run } = record;
  const there = run ? await parts.nodes.onMachine(businessId, run.machine) : [];
  const others = there.filter((one) => one.nodeId !== nodeId);
  const [own, ...views] = await viewAll(parts, [record, ...others]);
  if (!own) throw new Error("A node has no view");
  // A node's key reads nothing else of other nodes.
  return { node: own, onSameMachine: views.map(({ nodeId, name, owner }) => ({ nodeId, name, owner })) };
}

async function viewOne(parts: NodeHandlerParts, record: NodeRecord): Promise<Node> {
  const [view] = await viewAll(parts, [record]);
  if (!view) throw new Error("A node has no view");
  return view;
}

async function viewAll(
  { executions, sessions }: NodeHandlerParts,
  records: readonly NodeRecord[],
): Promise<Node[]> {
  const running = await executions.countLive(records.map((record) => record.nodeId));
  const owners = new Map<string, string | undefined>();
  for (const { businessId, userId } of records) {
    if (!owners.has(userId)) owners.set(userId, (await sessions.findMember(businessId, userId))?.userName);
  }
  return records.map((record) => ({
    ...record.description,
    nodeId: record.nodeId,
    businessId: record.businessId,
    status: nodeStatusOf(record),
    refusing: record.condition.refusing,
    runningExecutions: running.get(record.nodeId) ?? 0,
    lastHeartbeatAt: isoTime(record.lastHeartbeatAtMs),
    createdAt: isoTime(record.createdAtMs),
    owner: owners.get(record.userId),
    host: record.run?.host,
    machine: record.run?.machine,
    waitsForGrant: record.ungranted,
    deletedAt: record.removedAtMs === undefined ? undefined : isoTime(record.removedAtMs),
  }));
}
