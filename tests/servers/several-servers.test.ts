import { expect, test } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import { leaseStoreContract } from "../contract/lease-store.contract.ts";
import { startAgentHere } from "../support/agent/agent-here.ts";
import type { As } from "../support/api.ts";
import { Fleet, type FleetServer } from "../support/fleet.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { Running } from "../support/program.ts";
import { TestRedis } from "../support/redis.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";

const PASSWORD = "not-to-be-shown";

const mongo = forAllTests(await TestMongo.start());
const redis = forAllTests(await TestRedis.start({ password: PASSWORD }));
let databases = 0;

leaseStoreContract("MongoDB", async () => {
  const stores = await openMongoStores(newDatabase());
  return { leases: stores.leases, [Symbol.asyncDispose]: () => stores.close() };
});

test("three servers that start at once on an empty store act as one: sign-in, submit, node and log on different servers", async () => {
  await using fleet = await startFleet(["0", "0", "0"]);
  const [submitter, worker, reader] = fleet.servers as [FleetServer, FleetServer, FleetServer];
  const user = await submitter.api.user();
  const node = await PlayedNode.register(worker.api, user);
  const jobs = await Promise.all(
    [1, 2, 3].map(() => submitter.api.call("jobs.submit", { command: "true" }, user)),
  );
  for (const { jobId } of jobs) {
    const { executionId, jobId: assigned } = await node.take();
    expect(jobs.map((job) => job.jobId)).toContain(assigned);
    await node.report(executionId, "RUNNING");
    await node.log(executionId, 1, ["a", "b"]);
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    const texts = await follow(reader, user, assigned);
    expect(texts).toEqual(["a", "b"]);
    expect(jobId).toStartWith("job_");
  }
  const said = fleet.servers.map((server) => server.running.stderr).join("\n");
  expect(said).toContain("connected to the bus");
  expect(said).not.toContain(PASSWORD);
});

test("servers share a port; when one is killed, its log followers continue at another without gap or repeat", async () => {
  await using fleet = await startFleet(["0", "same"]);
  const [first, second] = fleet.servers as [FleetServer, FleetServer];
  expect(second.api.url).toBe(first.api.url);
  const user = await first.api.user();
  const node = await PlayedNode.register(first.api, user);
  const { jobId } = await first.api.call("jobs.submit", { command: "true" }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  const texts: string[] = [];
  const compute = createComputeClient({ url: first.api.url, token: user.token ?? "" });
  const reading = (async () => {
    for await (const event of compute.jobs.follow(jobId)) {
      if (event.event === "log") texts.push(event.data.text);
    }
  })();
  for (let seq = 1; seq <= 60; seq++) {
    if (seq === 20) await first.running.stop("SIGKILL");
    if (seq === 40) {
      await fleet.add(new URL(first.api.url).port);
      await second.running.stop("SIGKILL");
    }
    await untilSent(() => node.log(executionId, seq, [String(seq)]), seq);
  }
  await untilSent(() => node.report(executionId, "SUCCEEDED", { exitCode: 0 }), "applied");
  await reading;
  expect(texts).toEqual(Array.from({ length: 60 }, (_, i) => String(i + 1)));
});

test("an agent whose server is killed or stopped opens its WebSocket at another, and its job goes on with its whole log", async () => {
  await using fleet = await startFleet(["0", "same"]);
  const [first, second] = fleet.servers as [FleetServer, FleetServer];
  const { port } = new URL(first.api.url);
  await using scratch = await makeScratch();
  const { token } = await first.api.user();
  const agent = startAgentHere({ url: first.api.url.replace(/\/$/, ""), stateDir: scratch.path, token });
  const compute = createComputeClient({ url: first.api.url, token: token ?? "" });
  const command = "for i in $(seq 60); do echo $i; sleep 0.1; done";
  const { jobId } = await compute.jobs.submit({ command });
  const has = (lines: number) =>
    waitFor(`${lines} lines`, async () => (await Array.fromAsync(compute.jobs.logs(jobId))).length >= lines);
  await has(10);
  await first.running.stop("SIGKILL");
  await has(25);
  await fleet.add(port);
  expect(await second.running.stop("SIGTERM")).toBe(0);
  expect(await compute.jobs.wait(jobId)).toMatchObject({ status: "SUCCESS", attempt: 1 });
  const events = await Array.fromAsync(compute.jobs.logs(jobId));
  const texts = events.flatMap((event) => (event.event === "log" ? [event.data.text] : []));
  expect(texts).toEqual(Array.from({ length: 60 }, (_, i) => String(i + 1)));
  expect(agent.said.filter((line) => line.includes("WebSocket"))).toEqual([]);
  agent.stop.abort();
  expect(await agent.done).toBeUndefined();
});

test("a poll that waits at one server is refused immediately when its node is taken, or its key replaced, at another", async () => {
  await using fleet = await startFleet(["0", "0", "0"]);
  const [first, second, third] = fleet.servers as [FleetServer, FleetServer, FleetServer];
  const user = await first.api.user();
  const labels = { only: "these" };
  const place = { place: "p", machine: "m", host: "hosta", pid: 1 };
  const register = async (as: As) => {
    const input = { ...describeNode({ labels }), run: { ...place, runId: crypto.randomUUID() } };
    const { node, nodeKey = as.nodeKey } = await first.api.call("nodes.register", input, as);
    return { nodeId: node.nodeId, as: { nodeKey, runId: input.run.runId } };
  };
  /** Lets a poll wait at the second server, and returns how it ends. */
  const refusedBy = async (waiting: As, nodeId: string, act: () => Promise<unknown>) => {
    const input = { executions: [], maxAssignments: 1, waitSeconds: 30, condition: { suspended: true } };
    const refusal = second.api.refused("nodes.poll", input, waiting);
    const seen = () => third.api.call("nodes.retrieve", { nodeId }, user);
    await waitFor("the poll to reach the server", async () => (await seen()).status === "SUSPENDED");
    const startedAtMs = performance.now();
    await act();
    const { code } = await refusal;
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    return code;
  };
  const one = await register(user);
  let two = one;
  const takes = async () => {
    two = await register(one.as);
  };
  expect(await refusedBy(one.as, one.nodeId, takes)).toBe("node_taken");
  expect(two.nodeId).toBe(one.nodeId);
  const rotates = () => third.api.call("nodes.rotate-key", { nodeId: two.nodeId }, user);
  expect(await refusedBy(two.as, two.nodeId, rotates)).toBe("unauthenticated");
  const { jobId } = await third.api.call("jobs.submit", { command: "true", labels }, user);
  for (const { as } of [one, two]) {
    const poll = { executions: [], maxAssignments: 1, waitSeconds: 0 };
    expect((await second.api.refused("nodes.poll", poll, as)).code).toBe("unauthenticated");
  }
  expect((await first.api.call("jobs.retrieve", { jobId }, user)).status).toBe("QUEUED");
});

test("a store that cannot be reached is named without its password, and the server exits", async () => {
  await using scratch = await makeScratch();
  const env = { TANVRIT_STORE: `mongodb://anna:${PASSWORD}@127.0.0.1:1/compute?replicaSet=rs0` };
  await using running = new Running(scratch.path, ["server", "--port", "0"], env);
  expect(await running.ended()).toBe(69);
  expect(running.stderr).toContain("mongodb://127.0.0.1:1/compute");
  expect(running.stderr).not.toContain(PASSWORD);
});

function startFleet(ports: ("0" | "same")[]): Promise<Fleet> {
  return Fleet.start(ports, { TANVRIT_STORE: newDatabase(), TANVRIT_BUS: redis.url });
}

function newDatabase(): string {
  databases++;
  return mongo.url(`several_servers_${databases}`);
}

async function follow({ api }: FleetServer, user: As, jobId: string): Promise<string[]> {
  const compute = createComputeClient({ url: api.url, token: user.token ?? "" });
  const events = await Array.fromAsync(compute.jobs.follow(jobId));
  return events.flatMap((event) => (event.event === "log" ? [event.data.text] : []));
}

/** Retries if the connection was to a server that is gone. */
async function untilSent<T>(send: () => Promise<T>, answer: T): Promise<void> {
  await waitFor(`the answer ${answer}`, async () => {
    // A broken connection; only the answer matters.
    const given = await send().catch(() => undefined);
    return given === answer || given === ("repeated" as T) || undefined;
  });
}
