import { expect, test } from "bun:test";
import { nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { within } from "../../tests/support/wait.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import type { Assigned } from "../execution/execution-store.ts";
import type { Requirement } from "../job/requirement.ts";
import type { AssignRequest, AssignStore } from "./assign-store.ts";
import { Dispatcher } from "./dispatcher.ts";

const ANSWER_MS = 1_000;
const WAIT_MS = 20_000;
/** More turns of the microtask queue than the end of a round takes. */
const STEPS_OF_AN_END = 20;

test("if a node has moved to another server, that server hears about its work, and stopping waits for the round", async () => {
  const bus = new MemoryBus();
  const node = nodeOf("biz_1");
  const [begun, made] = [Promise.withResolvers<void>(), Promise.withResolvers<Assigned[][]>()];
  const here = serverOf(bus, {
    claimableRequirements: async () => [anything],
    assign: () => {
      begun.resolve();
      return made.promise;
    },
  });
  const there = serverOf(bus, { claimableRequirements: async () => [], assign: async () => [] });

  const moved = new AbortController();
  const first = here.take(node, { limit: 1 }, WAIT_MS, moved.signal);
  await begun.promise;
  moved.abort();
  expect(await first).toEqual([]);
  const second = there.take(node, { limit: 1 }, WAIT_MS, new AbortController().signal);
  let isClosed = false;
  const closing = here.close().then(() => {
    isClosed = true;
  });
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  made.resolve([[assigned]]);
  // The poll at the other server gets no work directly, but ends, so that it looks for what is assigned to the node.
  expect(await within(ANSWER_MS, "the end of the wait", second)).toEqual([]);
  await within(ANSWER_MS, "the end of the round", closing);
  await there.close();
  await bus.close();
});

test("a message that arrives while a round ends starts another round, however close to the end it arrives", async () => {
  for (let steps = 0; steps < STEPS_OF_AN_END; steps++) {
    const bus = new MemoryBus();
    const node = nodeOf("biz_1");
    const firstLook = Promise.withResolvers<Requirement[]>();
    const looks = [firstLook.promise];
    const server = serverOf(bus, {
      claimableRequirements: async () => looks.shift() ?? [anything],
      assign: async () => [[assigned]],
    });
    const taken = server.take(node, { limit: 1 }, WAIT_MS, new AbortController().signal);
    firstLook.resolve([]);
    for (let step = 0; step < steps; step++) await undefined;
    bus.publish("wake", { businessId: node.businessId });
    expect(await within(ANSWER_MS, `work that came ${steps} steps after the look`, taken)).toHaveLength(1);
    await server.close();
    await bus.close();
  }
});

test("a wish for jobs ahead of free slots holds for a moment, and not before all nodes of a large round are served", async () => {
  const asked: (readonly AssignRequest[])[] = [];
  const bus = new MemoryBus();
  const server = serverOf(bus, {
    claimableRequirements: async () => [anything],
    assign: async (requests) => {
      asked.push(requests);
      return requests.map(() => []);
    },
  });
  const wait = new AbortController();
  const waitFor = (count: number, askedAtMs: number) =>
    Array.from({ length: count }, () =>
      server.take(nodeOf("biz_1"), { limit: 2, ahead: { count: 3, askedAtMs } }, WAIT_MS, wait.signal),
    );
  const taken = [...waitFor(1, performance.now()), ...waitFor(1, performance.now() - 250)];
  await new Promise(setImmediate);
  expect(asked.flat().map(({ limit, ahead }) => [limit, ahead])).toEqual([
    [5, 3],
    [2, 0],
  ]);
  taken.push(...waitFor(40, performance.now()));
  await new Promise(setImmediate);
  asked.splice(0);
  bus.publish("wake", { businessId: "biz_1" });
  await new Promise(setImmediate);
  const writes = asked.map((requests) => `${requests.length} ${requests[0]?.ahead}`);
  expect(writes).toEqual(["32 0", "10 0", "32 3", "9 3"]);
  wait.abort();
  await Promise.all(taken);
  await server.close();
  await bus.close();
});

test("nodes that wait offer themselves unless jobs are looked for, and none are looked for until the offer is closed", async () => {
  const bus = new MemoryBus();
  const looks: PromiseWithResolvers<Assigned[][]>[] = [];
  const server = serverOf(bus, {
    claimableRequirements: async () => [anything],
    assign: () => {
      looks.push(Promise.withResolvers());
      return looks.at(-1)?.promise ?? Promise.resolve([]);
    },
  });
  const node = nodeOf("biz_1");
  expect(server.offer("biz_1")).toBeUndefined();
  const taken = server.take(node, { limit: 2 }, WAIT_MS, new AbortController().signal);
  expect(server.offer("biz_1")).toBeUndefined();
  looks[0]?.resolve([[]]);
  await new Promise(setImmediate);

  const offer = server.offer("biz_1");
  expect(offer?.requests).toMatchObject([{ nodeId: node.nodeId, limit: 2 }]);
  expect(server.offer("biz_1")).toBeUndefined();
  bus.publish("wake", { businessId: "biz_1" });
  await new Promise(setImmediate);
  expect(looks).toHaveLength(1);
  offer?.close([[assigned]], false);
  expect(await within(ANSWER_MS, "the work", taken)).toEqual([assigned]);
  await server.close();
  await bus.close();
});

test("jobs are looked for after an offer if there may be more, and work for a node that no longer waits is announced", async () => {
  const bus = new MemoryBus();
  let looks = 0;
  const server = serverOf(bus, {
    claimableRequirements: async () => [anything],
    assign: async (requests) => {
      looks++;
      return requests.map(() => []);
    },
  });
  const [gone, still] = [nodeOf("biz_1"), nodeOf("biz_1")];
  const leaving = new AbortController();
  const waits = [
    server.take(gone, { limit: 2 }, WAIT_MS, leaving.signal),
    server.take(still, { limit: 2 }, WAIT_MS, new AbortController().signal),
  ];
  await new Promise(setImmediate);
  const offer = server.offer("biz_1");
  leaving.abort();
  const announced: string[] = [];
  bus.subscribe("node", ({ nodeId }) => announced.push(nodeId));
  const before = looks;
  offer?.close([[assigned], []], true);
  await new Promise(setImmediate);
  expect(announced).toEqual([gone.nodeId]);
  expect(looks).toBe(before + 1);
  await server.close();
  expect(await Promise.all(waits)).toEqual([[], []]);
  await bus.close();
});

const anything: Requirement = {
  userId: undefined,
  type: "COMMAND",
  pool: "default",
  labels: {},
  selector: undefined,
  resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
};

const assigned = { job: { jobId: "job_1" } } as Assigned;

function serverOf(bus: MemoryBus, store: Pick<AssignStore, "assign" | "claimableRequirements">) {
  return new Dispatcher({
    assignments: store as AssignStore,
    bus,
    now: Date.now,
    onError: (error) => {
      throw error;
    },
  });
}
