import { afterEach, beforeEach, expect, test } from "bun:test";
import { MAX_CHANGED_IDS } from "../../shared/activity.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import type { StreamEvent } from "../http/handler.ts";
import { ActivityHub } from "./activity-hub.ts";

const businessId = "biz_1";
let bus: MemoryBus;
let hub: ActivityHub;
let leaving: AbortController;

beforeEach(() => {
  bus = new MemoryBus();
  hub = new ActivityHub(bus);
  leaving = new AbortController();
});
afterEach(async () => {
  leaving.abort();
  hub.close();
  await bus.close();
});

function read(lastEventId?: string, follow = true) {
  const events = hub.read(businessId, { lastEventId, follow, signal: leaving.signal });
  return { next: async (): Promise<StreamEvent[]> => (await events.next()).value ?? [], events };
}

const jobsChanged = (jobIds: readonly string[]) => bus.publish("jobs", { businessId, jobIds });
const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `job_${from + i}`);

test("what changes in a moment comes once, with the ids of what changed, to every reader of the business", async () => {
  const readers = [read(), read()];
  for (const one of readers)
    expect(await one.next()).toMatchObject([{ event: "ready", id: expect.any(String) }]);
  for (let i = 0; i < 100; i++) jobsChanged(["job_1", `job_${i % 3}`]);
  bus.publish("node", { businessId, nodeId: "node_1" });
  bus.publish("activity", { businessId, subject: "credits" });
  bus.publish("activity", { businessId: "biz_2", subject: "members" });
  const [first, second] = await Promise.all(readers.map((one) => one.next()));
  expect(first).toMatchObject([
    { event: "jobs", data: { jobIds: ["job_1", "job_0", "job_2"], more: false } },
    { event: "nodes", data: { nodeIds: ["node_1"], more: false } },
    { event: "credits", data: {}, id: expect.any(String) },
  ]);
  // The same list, so that it is encoded once for all of them.
  expect(second).toBe(first as StreamEvent[]);
});

test("an event names a bounded number of ids, and says that there are more", async () => {
  const reader = read();
  await reader.next();
  for (let i = 0; i < 50; i++) jobsChanged(idsOf(1_000, i * 1_000));
  bus.publish("activity", { businessId, subject: "schedules" });
  const [jobs, schedules] = await reader.next();
  expect(jobs?.data).toEqual({ jobIds: idsOf(MAX_CHANGED_IDS), more: true });
  expect(schedules?.data).toEqual({ scheduleIds: [], more: true });
});

test("a reader that comes back gets what it missed, in one go", async () => {
  const reader = read();
  const [ready] = await reader.next();
  const other = read();
  await other.next();
  for (const jobId of ["job_1", "job_2"]) {
    jobsChanged([jobId]);
    await other.next();
  }
  const back = read(ready?.id, false);
  expect(await back.next()).toMatchObject([{ event: "ready", id: ready?.id }]);
  const [missed] = await back.next();
  expect(missed).toMatchObject({ event: "jobs", data: { jobIds: ["job_1", "job_2"], more: false } });
  expect((await back.events.next()).done).toBe(true);
  const again = read(missed?.id, false);
  expect(await again.next()).toMatchObject([{ event: "ready" }]);
  expect((await again.events.next()).done).toBe(true);
});

test("a reader that has fallen too far behind, or comes from another server, gets a reset", async () => {
  const slow = read();
  await slow.next();
  const fast = read();
  await fast.next();
  for (let i = 0; i < 12; i++) {
    jobsChanged(idsOf(MAX_CHANGED_IDS, i * MAX_CHANGED_IDS));
    await fast.next();
  }
  const [reset] = await slow.next();
  expect(reset).toMatchObject({ event: "reset", id: expect.any(String) });
  const foreign = read("0000000000.12");
  expect(await foreign.next()).toMatchObject([{ event: "reset", id: reset?.id }]);
});

test("if messages of other servers may have been lost, everything may have changed", async () => {
  const lost: (() => void)[] = [];
  hub.close();
  bus.onMissed = (listener) => {
    lost.push(listener);
    return () => undefined;
  };
  hub = new ActivityHub(bus);
  const reader = read();
  await reader.next();
  jobsChanged(["job_1"]);
  for (const listener of lost) listener();
  expect(await reader.next()).toMatchObject([{ event: "reset", id: expect.any(String) }]);
});

test("a stream ends when its signal aborts, also while it waits", async () => {
  const reader = read();
  await reader.next();
  const waiting = reader.events.next();
  leaving.abort();
  expect((await waiting).done).toBe(true);
});
