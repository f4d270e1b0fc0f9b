import { expect, test } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import { openBus } from "../../server/bus/open.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { textLogger } from "../../shared/logger.ts";
import { type As, headersOf } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { TestRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

/** Far below the safety tick of 5 s: anything faster than that came over the bus. */
const OVER_THE_BUS_MS = 1_500;

test("a submitter, a node and a log follower on three servers work as if on one", async () => {
  await using fleet = await Fleet.start(3);
  const [submitter, worker, reader] = fleet.planes as [TestPlane, TestPlane, TestPlane];
  const user = await submitter.api.user();
  const node = await PlayedNode.register(worker.api, user);
  const waiting = node.poll([], 1, 20);
  await waitFor("the node to be seen", async () => {
    const { nodes } = await reader.api.call("nodes.list", {}, user);
    return nodes.length === 1;
  });
  const submittedAt = performance.now();
  const { jobId } = await submitter.api.call("jobs.submit", { command: "true" }, user);
  const [assignment] = (await waiting).assignments;
  expect(performance.now() - submittedAt).toBeLessThan(OVER_THE_BUS_MS);
  expect(assignment?.jobId).toBe(jobId);
  const executionId = assignment?.executionId ?? "";
  await node.report(executionId, "RUNNING");

  const delaysMs: number[] = [];
  const texts: string[] = [];
  const events = follow(reader, user, jobId);
  const reading = (async () => {
    for await (const event of events) {
      if (event.event !== "log") continue;
      texts.push(event.data.text);
      delaysMs.push(Date.now() - Number(event.data.text));
    }
  })();
  await node.log(executionId, 1, [String(Date.now())]);
  await waitFor("the first line", () => texts.length === 1);
  delaysMs.length = 0;
  for (let seq = 2; seq <= 200; seq++) await node.log(executionId, seq, [String(Date.now())]);
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  await reading;
  expect(texts).toHaveLength(200);
  expect(texts).toEqual(texts.toSorted());
  delaysMs.sort((a, b) => a - b);
  // The median: on a machine that is busy with other tests, a few may be late.
  expect(delaysMs[Math.floor(delaysMs.length / 2)]).toBeLessThan(50);
  expect(delaysMs.at(-1)).toBeLessThan(OVER_THE_BUS_MS);
});

test("a sign-out ends everything the session has open, at whichever server", async () => {
  await using fleet = await Fleet.start(2);
  const [here, there] = fleet.planes as [TestPlane, TestPlane];
  const user = await here.api.user();
  const { jobId } = await here.api.call("jobs.submit", { command: "true" }, user);
  const stream = await there.api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, {
    headers: headersOf(user),
  });
  const text = stream.text();
  await here.api.call("auth.logout", {}, user);
  const signedOutAtMs = performance.now();
  expect(await text).toContain('event: error\ndata: {"code":"session_ended"');
  expect(performance.now() - signedOutAtMs).toBeLessThan(OVER_THE_BUS_MS);
});

test("a cancellation reaches the node immediately, at whichever server its poll waits", async () => {
  await using fleet = await Fleet.start(2);
  const [here, there] = fleet.planes as [TestPlane, TestPlane];
  const user = await here.api.user();
  const node = await PlayedNode.register(there.api, user);
  const { jobId } = await here.api.call("jobs.submit", { command: "true" }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  const waiting = node.poll([executionId], 0, 20);
  const cancelledAt = performance.now();
  await here.api.call("jobs.cancel", { jobId }, user);
  expect((await waiting).cancel).toEqual([executionId]);
  expect(performance.now() - cancelledAt).toBeLessThan(OVER_THE_BUS_MS);
});

test("without Redis work is only delayed: no job waits longer than the safety tick, and no stored line is missed", async () => {
  await using fleet = await Fleet.start(2);
  const [here, there] = fleet.planes as [TestPlane, TestPlane];
  const user = await here.api.user();
  const node = await PlayedNode.register(there.api, user);
  await fleet.redis.kill();
  const waiting = node.poll([], 1, 20);
  const { jobId } = await here.api.call("jobs.submit", { command: "true" }, user);
  const [assignment] = (await waiting).assignments;
  expect(assignment?.jobId).toBe(jobId);
  const executionId = assignment?.executionId ?? "";
  await node.report(executionId, "RUNNING");
  const texts: string[] = [];
  const reading = (async () => {
    for await (const event of follow(here, user, jobId)) {
      if (event.event === "log") texts.push(event.data.text);
    }
  })();
  await node.log(executionId, 1, ["one", "two"]);
  await waitFor("the lines of the other server", () => texts.length === 2);
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  await reading;
  expect(texts).toEqual(["one", "two"]);
});

test("the due work of a server that is gone is done on time by another: schedules, starts, and ends of waiting", async () => {
  await using fleet = await Fleet.start(2);
  const [gone, other] = fleet.planes as [TestPlane, TestPlane];
  const user = await other.api.user();
  const node = await PlayedNode.register(other.api, user);
  const waiting = node.poll([], 1, 20);
  const dueAtMs = Date.now() + 1_000;
  const job = { command: "true", labels: { never: "there" } };
  const { scheduleId } = await gone.api.call("schedules.create", { cron: "* * * * * *", job }, user);
  const notBefore = new Date(dueAtMs).toISOString();
  const started = await gone.api.call("jobs.submit", { command: "true", notBefore }, user);
  const ended = await gone.api.call("jobs.submit", { ...job, queueTtlSeconds: 1 }, user);
  await gone[Symbol.asyncDispose]();

  expect((await waiting).assignments.map((one) => one.jobId)).toEqual([started.jobId]);
  const { status } = await other.api.call("jobs.retrieve", { jobId: ended.jobId, waitSeconds: 20 }, user);
  expect(status).toBe("TIMEOUT");
  const fired = async () => (await other.api.call("schedules.fires", { scheduleId }, user)).fires.length > 0;
  await waitFor("the schedule to fire", fired);
  expect(Date.now() - dueAtMs).toBeLessThan(OVER_THE_BUS_MS);
});

/** Servers that share a store and a Redis, each with its own bus and socket. */
class Fleet implements AsyncDisposable {
  private constructor(
    readonly planes: TestPlane[],
    readonly redis: TestRedis,
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async start(servers: number): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const redis = stack.use(await TestRedis.start());
    const stores = stack.adopt(openSqliteStores(":memory:"), (one) => one.close());
    const said: string[] = [];
    const log = textLogger((line) => said.push(line));
    const planes: TestPlane[] = [];
    for (let i = 0; i < servers; i++) {
      const bus = await openBus({ bus: redis.url, store: "shared" }, stores.sessions, log);
      planes.push(stack.use(await TestPlane.start({ stores, bus })));
    }
    await waitFor("every server to be connected", () => said.length === servers, { seen: () => said });
    return new Fleet(planes, redis, stack.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync();
  }
}

function follow(plane: TestPlane, user: As, jobId: string) {
  return createComputeClient({ url: plane.api.url, token: user.token ?? "" }).jobs.follow(jobId);
}
