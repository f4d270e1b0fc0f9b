import { expect, test } from "bun:test";
import { OFFLINE_AFTER_MS } from "../tasks/tasks.ts";
import { isSignOfLife, pollWaitMs } from "./node-service.ts";

const awake = { suspended: false };
const asleep = { suspended: true };

test("a poll of a sleeping node, its only sign of life, is answered well before the node would count as gone", () => {
  expect(pollWaitMs({ waitSeconds: 30, condition: asleep })).toBeLessThanOrEqual((OFFLINE_AFTER_MS * 2) / 3);
  expect(pollWaitMs({ waitSeconds: 5, condition: asleep })).toBe(5_000);
  expect(pollWaitMs({ waitSeconds: 30, condition: awake })).toBe(30_000);
});

test("a poll is written down where it says something that no heartbeat has said", () => {
  const by = {
    nodeId: "n",
    businessId: "b",
    sessionEnded: false,
    lastHeardAtMs: 1_000_000,
    condition: awake,
  };
  expect(isSignOfLife(by, awake, 1_005_000)).toBe(false);
  expect(isSignOfLife(by, awake, 1_010_000)).toBe(true);
  expect(isSignOfLife(by, asleep, 1_000_001)).toBe(true);
  expect(isSignOfLife(by, { suspended: false, refusing: "no room" }, 1_000_001)).toBe(true);
});
