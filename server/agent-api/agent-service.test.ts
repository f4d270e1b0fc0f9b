import { expect, test } from "bun:test";
import { nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { within } from "../../tests/support/wait.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import type { AssignStore } from "../dispatch/assign-store.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { AgentService, type AgentServiceParts, isSignOfLife, pollWaitMs } from "./agent-service.ts";

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
  const bus = new MemoryBus();
  const node = nodeOf("biz_1");
  const [assignments, now] = [{ claimableRequirements: async () => [] }, Date.now];
  const dispatcher = new Dispatcher({
    assignments: assignments as unknown as AssignStore,
    bus,
    now,
    onError: (error) => {
      throw error;
    },
  });
  let accessEnded = false;
  const find = async () => {
    const found = { ...node, accessEnded };
    accessEnded = true;
    bus.publish("node", node);
    return found;
  };
  const executionService = { admit: async () => [] };
  const parts = { nodes: { find }, executions: { live: async () => [] }, executionService, dispatcher, now };
  const service = new AgentService(parts as unknown as AgentServiceParts);
  const { nodeId, businessId, keyHash } = node;
  const by = { nodeId, businessId, keyHash, runId: undefined, sessionEnded: false, condition: awake };
  const input = { executions: [], maxAssignments: 1, waitSeconds: 30, condition: awake };
  const poll = service.poll({ ...by, lastHeardAtMs: now() }, input, new AbortController().signal);
  await expect(within(ANSWER_MS, "the answer", poll)).rejects.toMatchObject({ code: "session_ended" });
  await dispatcher.close();
  await bus.close();
});
