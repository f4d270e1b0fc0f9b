import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { jobOf, nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { within } from "../../tests/support/wait.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import type { AssignStore } from "../dispatch/assign-store.ts";
import { assignmentOf } from "../dispatch/assignment.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import type { Assigned } from "../execution/execution-store.ts";
import { AgentService, type AgentServiceParts } from "./agent-service.ts";
import { isSignOfLife, pollWaitMs } from "./poll-rules.ts";

const ANSWER_MS = 5_000;

const awake = { suspended: false };
const asleep = { suspended: true };

test("a suspended node's poll may wait longer than others", () => {
  expect(pollWaitMs({ waitSeconds: 50, condition: asleep })).toBe(50_000);
  expect(pollWaitMs({ waitSeconds: 5, condition: asleep })).toBe(5_000);
  expect(pollWaitMs({ waitSeconds: 50, condition: awake })).toBe(30_000);
});

test("a poll counts as a sign of life if it says something that no heartbeat has said", () => {
  const by = {
    nodeId: "n",
    businessId: "b",
    sessionEnded: false,
    keyHash: "",
    runId: undefined,
    lastHeardAtMs: 1_000_000,
    condition: awake,
  };
  expect(isSignOfLife(by, awake, 1_005_000)).toBe(false);
  expect(isSignOfLife(by, awake, 1_010_000)).toBe(true);
  expect(isSignOfLife(by, asleep, 1_000_001)).toBe(true);
  expect(isSignOfLife(by, { suspended: false, refusing: "no room" }, 1_000_001)).toBe(true);
});

test("news of a node that arrives while its poll looks at the store, before it waits, ends the wait", async () => {
  await using at = dispatching();
  let accessEnded = false;
  const find = async () => {
    const found = { ...node, accessEnded };
    accessEnded = true;
    at.bus.publish("node", node);
    return found;
  };
  const executionService = { admit: async () => [] };
  const poll = at.poll({ nodes: { find }, executions: { live: async () => [] }, executionService });
  await expect(within(ANSWER_MS, "the answer", poll)).rejects.toMatchObject({ code: "session_ended" });
});

test("a poll is not given an execution again whose job names another one, and looks again soon whether it does", async () => {
  await using at = dispatching();
  const request = {
    nodeId: node.nodeId,
    businessId: node.businessId,
    limit: 1,
    nowMs: 0,
    leaseExpiresAtMs: 0,
  };
  const claim = { executionId: newId("exe"), gpuIndexes: [] };
  const assigned = assignmentOf(request, jobOf(node.businessId), claim);
  // Two servers claim the job, and both have written an execution; which of them the job names comes out later.
  const other = { ...assigned, job: { ...assigned.job, executionId: newId("exe") } };
  const looks = [other, other, assigned];
  const executions = {
    live: async () => [{ execution: assigned.execution, cancelRequested: false }],
    findOfNode: async () => looks.splice(0, 1),
  };
  const executionService = { admit: async (found: Assigned[]) => found, isFree: () => true };
  const poll = at.poll({ nodes: { find: async () => node }, executions, executionService });
  const answer = await within(ANSWER_MS, "the answer", poll);
  expect(answer.assigned).toEqual([assigned]);
});

const node = nodeOf("biz_1");

/** A dispatcher that has no work, and polls that use it. */
function dispatching() {
  const bus = new MemoryBus();
  const nothing = {
    claimableRequirements: async () => [],
    assign: async (asked: unknown[]) => asked.map(() => []),
  };
  const onError = (error: unknown) => {
    throw error;
  };
  const dispatcher = new Dispatcher({
    assignments: nothing as unknown as AssignStore,
    bus,
    now: Date.now,
    onError,
  });
  return {
    bus,
    /** One poll of the node at a service with these parts. */
    poll(parts: object) {
      const all = { ...parts, dispatcher, now: Date.now } as unknown as AgentServiceParts;
      const { nodeId, businessId, keyHash } = node;
      const by = { nodeId, businessId, keyHash, runId: undefined, sessionEnded: false, condition: awake };
      const input = { executions: [], maxAssignments: 1, waitSeconds: 30, condition: awake };
      return new AgentService(all).poll(
        { ...by, lastHeardAtMs: Date.now() },
        input,
        new AbortController().signal,
      );
    },
    async [Symbol.asyncDispose]() {
      await dispatcher.close();
      await bus.close();
    },
  };
}
