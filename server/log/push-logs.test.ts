import { expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { limits } from "../../shared/limits.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { LineRun, LogBatch } from "../../shared/log.ts";
import { unpackLines } from "../../shared/packed-lines.ts";
import { LogWorld, logLines } from "../../tests/support/log-world.ts";
import type { RequestContext } from "../http/handler.ts";
import type { LogStore } from "./log-store.ts";
import { type PushingExecution, pushLogs } from "./push-logs.ts";

const executionId = newId("exe");
const nodeId = newId("node");

test("lines are published before they are on disk, and acknowledged when they are", async () => {
  await using world = await LogWorld.open();
  const { push, published } = pusher(world);
  const answer = push([batch(1, 3)]);
  await new Promise(queueMicrotask);
  await new Promise(process.nextTick);
  expect(published).toEqual([1, 2, 3]);
  expect(await answer).toEqual([3]);
  expect(await world.store.lastSeq(executionId)).toBe(3);
});

test("only new lines are published, and none after a hole", async () => {
  await using world = await LogWorld.open();
  const { push, published } = pusher(world);
  expect(await push([batch(1, 4)])).toEqual([4]);
  expect(await push([batch(3, 6), batch(9, 9)])).toEqual([6, 6]);
  expect(published).toEqual([1, 2, 3, 4, 5, 6]);
});

test("concurrent requests stay in order for followers and for the store", async () => {
  await using world = await LogWorld.open();
  const { push, published } = pusher(world);
  const answers = [push([batch(1, 2)]), push([batch(3, 4)]), push([batch(1, 2)]), push([batch(5, 5)])];
  expect(await Promise.all(answers)).toEqual([[2], [4], [4], [5]]);
  expect(published).toEqual([1, 2, 3, 4, 5]);
});

test("lines that another server published are not a hole", async () => {
  await using world = await LogWorld.open();
  const [here, there] = [pusher(world), pusher(world)];
  await here.push([batch(1, 2)]);
  await there.push([batch(3, 4)]);
  expect(await here.push([batch(5, 6)])).toEqual([6]);
  expect(new Set(here.published)).toEqual(new Set([1, 2, 3, 4, 5, 6]));
});

test("an execution that is not this node's or is no longer current is stale, and none of its lines is kept", async () => {
  await using world = await LogWorld.open();
  const other = newId("exe");
  const { push, published } = pusher(world, { current: false });
  expect(await push([batch(1, 2), { ...batch(1, 2), executionId: other }])).toEqual(["stale", "stale"]);
  expect(published).toEqual([]);
  expect(await world.store.lastSeq(executionId)).toBe(0);
});

test("lines that the disk refused are not published twice when they come again", async () => {
  await using world = await LogWorld.open();
  let isFull = true;
  const store: LogStore = {
    append: (batches) =>
      isFull
        ? Promise.reject(new ComputeError("storage_failed", "The disk is full"))
        : world.store.append(batches),
    read: (range) => world.store.read(range),
    readPacked: (range) => world.store.readPacked(range),
    readBack: (job) => world.store.readBack(job),
    lastPlace: (job) => world.store.lastPlace(job),
    lastSeq: (id) => world.store.lastSeq(id),
  };
  const { push, published } = pusher(world, {}, store);
  await expect(push([batch(1, 2)])).rejects.toMatchObject({ code: "storage_failed" });
  await new Promise(setImmediate);
  isFull = false;
  expect(await push([batch(1, 3)])).toEqual([3]);
  expect(published).toEqual([1, 2, 3]);
});

test("runs that are not what they say are refused, and so are too many lines", async () => {
  await using world = await LogWorld.open();
  const { push, published } = pusher(world);
  const at = "2026-03-01T12:00:00.000Z";
  const long = "x".repeat(limits.maxLogLineLength + 1);
  const wrong: LineRun[] = [
    ["o", at, "a\nb", 0, 3],
    ["o", at, "a\nb", 1, 2],
    ["o", at, long],
    ["o", at, `a\n${long}\nb`, 0, 3],
    ["o", at, "not base64", 2],
    ["o", at, "gP8A\ngP8A", 2, 2],
  ];
  for (const run of wrong) {
    await expect(push([batch(1, 2), { executionId, seq: 3, runs: [run] }])).rejects.toMatchObject({
      code: "invalid_request",
      errors: [{ path: "batches.1.runs" }],
    });
  }
  await expect(push([batch(1, 3_000), batch(3_001, 6_000)])).rejects.toMatchObject({
    code: "invalid_request",
    errors: [{ path: "batches" }],
  });
  expect(published).toEqual([]);
  expect(await world.store.lastSeq(executionId)).toBe(0);
});

test("without room, no line of a batch is published or stored; once there is room, it is accepted", async () => {
  await using world = await LogWorld.open();
  let shortage: string | undefined = "The disk is full.";
  const { push, published } = pusher(world, {}, world.store, () => shortage);
  expect(await push([batch(1, 2)])).toEqual(["full"]);
  expect(published).toEqual([]);
  shortage = undefined;
  expect(await push([batch(1, 2)])).toEqual([2]);
  expect(published).toEqual([1, 2]);
});

function pusher(
  world: LogWorld,
  change: Partial<PushingExecution> = {},
  store: LogStore = world.store,
  shortage: () => string | undefined = () => undefined,
) {
  const { businessId, jobId, bus } = world;
  const published: number[] = [];
  bus.subscribe("logs", (lines) => published.push(...unpackLines(lines).map((line) => line.seq)));
  const handler = pushLogs({
    store,
    bus,
    shortage,
    executionsOf: async () =>
      new Map([[executionId, { businessId, jobId, attempt: 1, current: true, ...change }]]),
  });
  const context: RequestContext = {
    caller: {
      kind: "node",
      nodeId,
      businessId,
      sessionEnded: false,
      keyHash: "",
      runId: undefined,
      lastHeardAtMs: 0,
      condition: { suspended: false },
    },
    signal: AbortSignal.timeout(10_000),
    idempotencyKey: undefined,
    lastEventId: undefined,
    from: undefined,
    origin: "http://127.0.0.1",
    range: undefined,
    change: {},
    note: () => undefined,
  };
  return { published, push: async (batches: LogBatch[]) => (await handler({ batches }, context)).stored };
}

function batch(first: number, last: number): LogBatch {
  return batchOf(executionId, runsOf(logLines(first, last)));
}
