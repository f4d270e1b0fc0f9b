import { expect, test } from "bun:test";
import { isSignOfLife, pollWaitMs } from "./agent-service.ts";

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
