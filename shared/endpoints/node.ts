import { z } from "zod";
import { ungranted } from "../grants.ts";
import { executionId, nodeId } from "../ids.ts";
import { pool } from "../job-fields.ts";
import { jobFilter } from "../job-filter.ts";
import { labels } from "../labels.ts";
import { limits } from "../limits.ts";
import { logBatch } from "../log.ts";
import {
  agentRun,
  assignment,
  executionReport,
  jobInputs,
  MAX_AHEAD,
  node,
  nodeCondition,
  nodeDescription,
  nodeLoad,
  nodeOrders,
  nodeStatus,
  reportOutcome,
} from "../node.ts";
import { workflowEvent } from "../workflow-run.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { nodeWire } from "./wire/node.ts";

const nodeKey = z.string();
/** Executions the agent holds: assigned, running, or ended with a report that is not acknowledged yet. */
const held = z.array(executionId).max(10_000);

export const nodeEndpoints = defineEndpoints(nodeWire, {
  "nodes.register": {
    right: "nodes.register",
    othersRight: "nodes.change-others",
    summary:
      "Register a node. A user creates a node, once per Idempotency-Key, or takes over nodeId with a new key, and grants everything it announces. A node key updates its own node within its grants. An enrolment token creates a node, once per Idempotency-Key, and grants what the token says.",
    input: z.strictObject({
      nodeId: nodeId.optional(),
      description: nodeDescription,
      /** The name is the host's, which other agents may also use: the server adds a number if it is taken. */
      isNameOfHost: z.boolean().default(false),
      /** Executions that survived an earlier run of this agent; its other executions end as AgentRestarted. */
      executions: held,
      /**
       * The agent's run; later calls name it in the header X-Agent-Run. From now on every other run of the node is
       * refused. A run at another place is accepted only after the previous run has left or gone silent.
       */
      run: agentRun.optional(),
    }),
    output: z.object({
      node,
      /** Other online nodes of the business that report the same machine. */
      onSameMachine: z.array(node.pick({ nodeId: true, name: true, owner: true })),
      /** Only for a call by a user or an enrolment; shown only once. */
      nodeKey: nodeKey.optional(),
      heartbeatSeconds: z.number(),
      /** Without a heartbeat for this long the node is OFFLINE and its executions are lost. */
      offlineAfterSeconds: z.number(),
    }),
    anyRun: true,
    // An agent that was restarted takes over the jobs that still run, and reports them. It gets no other.
    afterLogout: true,
  },
  "nodes.heartbeat": {
    summary:
      "Report that the node is alive and which executions it holds; get the executions to cancel and to abandon. Or report that the node leaves, which its silence would only show later.",
    input: z.strictObject({
      executions: held,
      condition: nodeCondition.prefault({}),
      /** Those whose command is over and whose outputs are on their way: they are not given up for missing their deadline. */
      collecting: held.optional(),
      /** Only after an answer with `wantsLoad`. */
      load: nodeLoad.optional(),
      /** The agent ends and leaves nothing running: the node is OFFLINE until it registers again. */
      leaving: z.boolean().default(false),
    }),
    output: nodeOrders,
    // Still refused, but it counts as a sign of life: the node's running jobs are not lost.
    afterLogout: true,
  },
  "nodes.poll": {
    summary:
      "Wait for work or orders. Assignments the node does not list as held are sent again. A sleeping node sends no other calls, so it is answered early if it would otherwise count as gone.",
    input: z.strictObject({
      executions: held,
      condition: nodeCondition.prefault({}),
      /** The most new assignments to return; 0: only orders. */
      maxAssignments: z.int().min(0).max(1_000),
      /**
       * How many more to return, at most, for which the node has no free slot yet. Only after an answer with `takesAhead`. The
       * server hands out only jobs that ask for no capacity, and only when all free slots are served. One that gets no slot
       * soon must be reported as RETURNED.
       */
      ahead: z.int().min(0).max(MAX_AHEAD).optional(),
      /** Only a suspended node may wait longer than other nodes. */
      waitSeconds: z.number().min(0).max(limits.maxSuspendedWaitSeconds),
    }),
    output: nodeOrders.extend({
      assignments: z.array(assignment),
      /** The next poll may have `ahead`, and reports may say RETURNED. */
      takesAhead: z.literal(true).optional(),
    }),
  },
  "nodes.result": {
    summary:
      "Report executions that started or ended, in order. Or that an execution is RETURNED: the node has not started it and never will, so its job goes back to its queue.",
    input: z.strictObject({ reports: z.array(executionReport).min(1).max(1_000) }),
    output: z.object({
      /** One per report, in the same order. */
      outcomes: z.array(reportOutcome),
    }),
    afterLogout: true,
  },
  "nodes.logs": {
    summary: `Send lines of output, at most ${limits.maxLogLinesPerRequest} at once. Lines the server already has are skipped.`,
    input: z.strictObject({
      batches: z.array(logBatch).min(1).max(1_000),
    }),
    output: z.object({
      /**
       * One per batch, in the same order: the highest stored seq of that execution, or `stale`. `full`: the server has no
       * room for output now and stored nothing of the batch.
       */
      stored: z.array(z.union([z.int().min(0), z.enum(["stale", "full"])])),
    }),
    afterLogout: true,
  },
  "nodes.workflow-events": {
    summary:
      "Send events of a workflow that the node runs, in order. Events that the server already has are skipped; without events the answer says how many it has.",
    input: z.strictObject({
      executionId,
      /** How many events of the execution come before these. */
      from: z.int().min(0),
      events: z.array(workflowEvent).max(limits.maxWorkflowEventsPerRequest),
    }),
    output: z.object({
      /** How many events the server has now: the next request continues there. `stale`: it takes none any more. */
      stored: z.union([z.int().min(0), z.literal("stale")]),
    }),
    afterLogout: true,
  },
  "nodes.inputs": {
    summary:
      "What a job with inputs, secrets or envFrom needs before it starts. Only for an execution that the node has and that is not over; otherwise not_found. A conflict says why the job cannot start: the node reports that as StartFailed.",
    input: z.strictObject({ executionId }),
    output: jobInputs,
  },
  "nodes.socket": {
    summary:
      "Open a WebSocket, over which an agent makes all its calls. Without an upgrade: name the subprotocols for it.",
    input: z.strictObject({}),
    output: z.object({ protocols: z.array(z.string()) }),
    afterLogout: true,
  },
  "nodes.list": {
    right: "nodes.read",
    summary: "Nodes, newest first; optionally those in some states, with a name, in a pool or with labels.",
    input: z.strictObject({
      ...pageInput,
      status: z.array(nodeStatus).min(1).optional(),
      /** A name; `*` matches any characters, `?` one character, and `\` makes the next character literal. */
      name: jobFilter.name,
      pool: pool().unwrap().optional(),
      /** Nodes with all these labels. */
      labels: labels().optional(),
    }),
    output: z.object({ nodes: z.array(node), ...pageOutput }),
  },
  "nodes.retrieve": {
    right: "nodes.read",
    summary: "One node.",
    input: z.strictObject({ nodeId }),
    output: node,
  },
  "nodes.drain": {
    right: "nodes.change",
    othersRight: "nodes.change-others",
    summary: "Give a node no new jobs (running jobs continue), or undo that.",
    input: z.strictObject({
      /** A node may omit it to mean itself. */
      nodeId: nodeId.optional(),
      drain: z.boolean().default(true),
    }),
    output: node,
  },
  "nodes.grant": {
    right: "nodes.change",
    othersRight: "nodes.change-others",
    summary:
      "Let a node offer a pool, labels or more slots than it was registered with. From now on, what its agent announces within this grant counts.",
    input: z.strictObject({
      nodeId,
      pool: ungranted.shape.pool,
      labels: ungranted.shape.labels,
      slots: ungranted.shape.slots,
    }),
    output: node,
  },
  "nodes.delete": {
    right: "nodes.change",
    othersRight: "nodes.change-others",
    summary:
      "Delete a node that is OFFLINE: it leaves all lists and its key is refused. It can still be retrieved, for the history of its jobs.",
    input: z.strictObject({ nodeId }),
    output: z.object({}),
  },
  "nodes.rotate-key": {
    right: "nodes.register",
    othersRight: "nodes.change-others",
    summary:
      "Give a node a new key, once per Idempotency-Key. The old one is refused from the next call on. Only here the run of the agent that has the node may still show it, to get the key with which a person replaced it.",
    input: z.strictObject({ nodeId: nodeId.optional() }),
    output: z.object({ nodeId, nodeKey }),
    afterRotation: true,
  },
});
