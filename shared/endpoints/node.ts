import { z } from "zod";
import { ungranted } from "../grants.ts";
import { executionId, nodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { logBatch } from "../log.ts";
import {
  agentRun,
  assignment,
  executionReport,
  node,
  nodeCondition,
  nodeDescription,
  nodeOrders,
  nodeStatus,
  reportOutcome,
} from "../node.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";

const nodeKey = z.string();
/** Executions the agent holds: assigned, running, or ended with a report that is not yet acknowledged. */
const held = z.array(executionId).max(10_000);

export const nodeEndpoints = defineEndpoints({
  "nodes.register": {
    method: "POST",
    path: "/api/compute/nodes/register",
    callers: ["user", "node"],
    summary:
      "Announce a node. A user makes a new node, once for each Idempotency-Key, or takes over nodeId with a new key, and grants what it announces; a node key updates its own node within what was granted.",
    input: z.strictObject({
      nodeId: nodeId.optional(),
      description: nodeDescription,
      /** Its name is the host's, which other agents may have too: the server numbers it where it is taken. */
      isNameOfHost: z.boolean().default(false),
      /** What survived of an earlier run of this agent; all else it had ends as AgentRestarted. */
      executions: held,
      /**
       * Which run of an agent registers; its later calls name it in the header X-Agent-Run. From then on every other run
       * of the node is refused. A run at another place is let in only when the one before it has left or fallen silent.
       */
      run: agentRun.optional(),
    }),
    output: z.object({
      node,
      /** Other nodes of the business that are there and, by what their agents say, on the same machine. */
      onSameMachine: z.array(node.pick({ nodeId: true, name: true, owner: true })),
      /** Only when a user calls: shown this once. */
      nodeKey: nodeKey.optional(),
      heartbeatSeconds: z.number(),
      /** Without a heartbeat for this long the node is OFFLINE and its executions are lost. */
      offlineAfterSeconds: z.number(),
    }),
    errors: ["not_found", "node_in_use", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
    anyRun: true,
  },
  "nodes.heartbeat": {
    method: "POST",
    path: "/api/compute/nodes/heartbeat",
    callers: ["node"],
    summary:
      "Say that the node is alive and what it holds; hear what to cancel and what to abandon. Or that it leaves, which its silence would show only later.",
    input: z.strictObject({
      executions: held,
      condition: nodeCondition.prefault({}),
      /** Its agent ends, and nothing runs on without it: the node is OFFLINE until it registers again. */
      leaving: z.boolean().default(false),
    }),
    output: nodeOrders,
    errors: ["node_taken", "storage_failed"],
    repeatable: true,
    // Refused all the same, but heard: what the node still runs is not lost.
    afterLogout: true,
  },
  "nodes.poll": {
    method: "POST",
    path: "/api/compute/nodes/poll",
    callers: ["node"],
    summary:
      "Wait for work or orders. Assignments the node does not list as held are handed out again. A node that sleeps is heard of by this alone, and answered sooner than it asks for where it would else count as gone.",
    input: z.strictObject({
      executions: held,
      condition: nodeCondition.prefault({}),
      /** The most new assignments wanted; 0: orders only. */
      maxAssignments: z.int().min(0).max(1_000),
      /** Only a node that is suspended is let wait for longer than others. */
      waitSeconds: z.number().min(0).max(limits.maxSuspendedWaitSeconds),
    }),
    output: nodeOrders.extend({ assignments: z.array(assignment) }),
    errors: ["node_taken", "storage_failed"],
    repeatable: true,
    maxWaitSeconds: limits.maxSuspendedWaitSeconds,
  },
  "nodes.result": {
    method: "POST",
    path: "/api/compute/nodes/result",
    callers: ["node"],
    summary: "Report executions that started or ended, in order.",
    input: z.strictObject({ reports: z.array(executionReport).min(1).max(1_000) }),
    output: z.object({
      /** One per report, in the same order. */
      outcomes: z.array(reportOutcome),
    }),
    errors: ["node_taken", "storage_failed"],
    repeatable: true,
    afterLogout: true,
  },
  "nodes.logs": {
    method: "POST",
    path: "/api/compute/nodes/logs",
    callers: ["node"],
    summary: "Hand over lines of output. Lines the server has already are passed over.",
    input: z.strictObject({
      batches: z
        .array(logBatch)
        .min(1)
        .max(1_000)
        .refine(
          (batches) =>
            batches.reduce((sum, batch) => sum + batch.lines.length, 0) <= limits.maxLogLinesPerRequest,
          {
            error: `at most ${limits.maxLogLinesPerRequest} lines in one request`,
          },
        ),
    }),
    output: z.object({
      /**
       * One per batch, in the same order: the highest stored seq of that execution, or `stale`. `full`: the server has no
       * room for output now and stored nothing of it.
       */
      stored: z.array(z.union([z.int().min(0), z.enum(["stale", "full"])])),
    }),
    errors: ["node_taken", "storage_failed", "conflict"],
    repeatable: true,
    afterLogout: true,
  },
  "nodes.list": {
    method: "POST",
    path: "/api/compute/nodes/list",
    callers: ["user"],
    summary: "Nodes, newest first.",
    input: z.strictObject({ ...pageInput, status: z.array(nodeStatus).min(1).optional() }),
    output: z.object({ nodes: z.array(node), ...pageOutput }),
    errors: [],
    repeatable: true,
  },
  "nodes.retrieve": {
    method: "POST",
    path: "/api/compute/nodes/retrieve",
    callers: ["user"],
    summary: "One node.",
    input: z.strictObject({ nodeId }),
    output: node,
    errors: ["not_found"],
    repeatable: true,
  },
  "nodes.drain": {
    method: "POST",
    path: "/api/compute/nodes/drain",
    callers: ["user", "node"],
    summary: "Give a node no new jobs (what runs goes on), or undo that.",
    input: z.strictObject({
      /** A node may leave it out and means itself. */
      nodeId: nodeId.optional(),
      drain: z.boolean().default(true),
    }),
    output: node,
    errors: ["not_found", "node_taken", "storage_failed"],
    repeatable: true,
  },
  "nodes.grant": {
    method: "POST",
    path: "/api/compute/nodes/grant",
    callers: ["user"],
    summary:
      "Let a node offer a pool, labels or more slots than it was registered with: what its agent announces of them counts from now on.",
    input: z.strictObject({
      nodeId,
      pool: ungranted.shape.pool,
      labels: ungranted.shape.labels,
      slots: ungranted.shape.slots,
    }),
    output: node,
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "nodes.delete": {
    method: "POST",
    path: "/api/compute/nodes/delete",
    callers: ["user"],
    summary:
      "Remove a node that is OFFLINE: no list has it and its key is refused. It can still be retrieved, for the history of its jobs.",
    input: z.strictObject({ nodeId }),
    output: z.object({}),
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "nodes.rotate-key": {
    method: "POST",
    path: "/api/compute/nodes/rotate-key",
    callers: ["user", "node"],
    summary: "Give a node a new key. The old one is refused from the next call on.",
    input: z.strictObject({ nodeId: nodeId.optional() }),
    output: z.object({ nodeId, nodeKey }),
    errors: ["not_found", "node_taken", "storage_failed"],
    repeatable: false,
  },
});
