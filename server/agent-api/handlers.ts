import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import { Gate } from "../../shared/gate.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import { assignmentView } from "../execution/execution-view.ts";
import { nodeOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { Ownership, OwnerToBe } from "../http/ownership.ts";
import { type NodeViewParts, viewNodes } from "../node/handlers.ts";
import { notFound } from "../node/node-service.ts";
import type { NodeRecord, NodeStore } from "../node/node-store.ts";
import { HEARTBEAT_MS, OFFLINE_AFTER_MS } from "../node/silence.ts";
import { type LogLimits, logCapBytes } from "../retention/settings.ts";
import type { AgentService } from "./agent-service.ts";
import type { JobInputsService } from "./job-inputs.ts";

export interface AgentHandlerParts extends NodeViewParts {
  ownership: Ownership;
  service: AgentService;
  nodes: NodeStore;
  executionService: ExecutionService;
  pushLogs: Handlers["nodes.logs"];
  pushEvents: Handlers["nodes.workflow-events"];
  logLimits: LogLimits;
  jobInputs: JobInputsService;
}

type AgentHandlers = Pick<
  Handlers,
  | "nodes.register"
  | "nodes.heartbeat"
  | "nodes.poll"
  | "nodes.result"
  | "nodes.logs"
  | "nodes.workflow-events"
  | "nodes.inputs"
  | "nodes.socket"
>;

/** When a thousand agents return at once, other requests get their turn between these. */
const REGISTRATIONS_AT_ONCE = 16;

/** The endpoints that agents call. */
export function agentHandlers(parts: AgentHandlerParts): AgentHandlers {
  const { service, executionService } = parts;
  const registrations = new Gate(REGISTRATIONS_AT_ONCE);
  return {
    "nodes.register": async (input, context) => {
      using _turn = { [Symbol.dispose]: await registrations.enter(context.signal) };
      const times = { heartbeatSeconds: HEARTBEAT_MS / 1_000, offlineAfterSeconds: OFFLINE_AFTER_MS / 1_000 };
      if (context.caller.kind === "user") {
        if (input.nodeId !== undefined) await requireOwn(parts, context.caller, input.nodeId);
        const { node, nodeKey } = await service.registerByUser(context.caller, input, context.idempotencyKey);
        return { ...times, nodeKey, ...(await registered(parts, node)) };
      }
      if (context.caller.kind === "enrolment") {
        const { node, nodeKey } = await service.registerByEnrolment(
          context.caller,
          input,
          context.idempotencyKey,
        );
        return { ...times, nodeKey, ...(await registered(parts, node)) };
      }
      return { ...times, ...(await registered(parts, await service.registerByNode(nodeOf(context), input))) };
    },
    "nodes.heartbeat": (input, context) => service.heartbeat(nodeOf(context), input),
    "nodes.poll": async (input, context) => {
      const { orders, assigned } = await service.poll(nodeOf(context), input, context.signal);
      const assignments = assigned.map(({ job, execution }) => {
        const maxLogBytes = logCapBytes(parts.logLimits, job.businessId, job.manifest.maxLogMb);
        return assignmentView({ job, execution }, maxLogBytes);
      });
      return { ...orders, assignments, takesAhead: true };
    },
    "nodes.result": async (input, context) => ({
      outcomes: await executionService.report(nodeOf(context), input.reports),
    }),
    "nodes.logs": parts.pushLogs,
    "nodes.workflow-events": parts.pushEvents,
    "nodes.socket": () => ({ protocols: [CALLS_PROTOCOL] }),
    "nodes.inputs": ({ executionId }, context) => parts.jobInputs.of(nodeOf(context), executionId),
  };
}

/** The person who takes over a node becomes its owner, so only its owner and admins may. */
function requireOwn({ ownership, nodes }: AgentHandlerParts, by: OwnerToBe, nodeId: string): Promise<void> {
  return ownership.require(by, "nodes.change-others", async () => {
    const node = await nodes.find(by.businessId, nodeId);
    if (!node) throw notFound(nodeId);
    return { what: `Node ${node.description.name} (${nodeId})`, ownerId: node.userId };
  });
}

/** Views of the node that registered and of the other nodes on its machine. */
async function registered(parts: AgentHandlerParts, record: NodeRecord) {
  const { businessId, nodeId, run } = record;
  const onMachine = run ? await parts.nodes.onMachine(businessId, run.machine) : [];
  const others = onMachine.filter((node) => node.nodeId !== nodeId);
  const [own, ...views] = await viewNodes(parts, [record, ...others]);
  if (!own) throw new Error("A node has no view");
  // A node key must not read anything else about other nodes.
  return { node: own, onSameMachine: views.map(({ nodeId, name, owner }) => ({ nodeId, name, owner })) };
}
