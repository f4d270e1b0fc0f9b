import { expect, setDefaultTimeout, test } from "bun:test";
import type { AgentStatus } from "../../agent/control/protocol.ts";
import { type Compute, createComputeClient } from "../../sdk/index.ts";
import { Gatehouse } from "../support/gatehouse.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait.ts";

setDefaultTimeout(120_000);

/** A half-open connection is found by the heartbeat: every 10 seconds, and answered within 15. */
const FOUND_MS = 40_000;

async function wayOf(person: Person): Promise<AgentStatus["server"]["by"]> {
  const { status } = JSON.parse(await person.get(["agent", "status", "--json"])) as { status: AgentStatus };
  return status.server.by;
}

async function runOne(person: Person, compute: Compute): Promise<void> {
  const { jobId } = await compute.jobs.submit({ command: "echo one; echo two" });
  expect((await compute.jobs.wait(jobId)).status).toBe("SUCCESS");
  expect(await person.get(["job", "logs", jobId])).toBe("one\ntwo");
  const { executions } = await compute.client.call("executions.list", { jobId });
  expect(executions).toHaveLength(1);
}

/** A server that is reached through what `front` puts in front of it, and a person with an agent there. */
async function behind<Front extends AsyncDisposable & { url: string }>(
  stack: AsyncDisposableStack,
  frontOf: () => Promise<Front>,
  aim: (front: Front, port: number) => void,
) {
  const front = stack.use(await frontOf());
  const server = stack.use(await TestServer.start({ TANVRIT_PUBLIC_URL: front.url }));
  aim(front, server.port);
  const known = Object.assign(Object.create(server), { api: { url: front.url } });
  const person = stack.use(await Person.signIn(known));
  const agent = await person.startAgent();
  const compute = createComputeClient({ url: server.url, token: await person.get(["auth", "print-token"]) });
  return { front, person, agent, compute };
}

test("an agent makes its calls over a WebSocket, and agent status says so", async () => {
  await using person = await Person.withServer({ agent: [] });
  const compute = await person.client();
  await runOne(person, compute);
  expect(await wayOf(person)).toBe("socket");
  expect(await person.get(["agent", "status"])).toContain("up over a WebSocket");
});

test("an agent that may not open a WebSocket makes its calls by HTTP, and a change of agent.yaml takes effect at once", async () => {
  await using person = await Person.withServer();
  const file = person.home.join("agent.yaml");
  await Bun.write(file, "connection: http\n");
  const agent = await person.startAgent(["--config", file]);
  const compute = await person.client();
  await runOne(person, compute);
  expect(await wayOf(person)).toBe("http");
  await Bun.write(file, "connection: auto\n");
  await waitFor("the socket", async () => (await wayOf(person)) === "socket", { timeoutMs: 30_000 });
  await Bun.write(file, "connection: carrier pigeon\n");
  await agent.said(/agent\.yaml.*connection.*auto, socket, http/s);
  await runOne(person, compute);
});

test("behind a proxy that forbids WebSockets the agent works by HTTP, and says so once", async () => {
  await using stack = new AsyncDisposableStack();
  const { person, agent, compute } = await behind(
    stack,
    async () => new Gatehouse(),
    (gatehouse, port) => (gatehouse.target = `http://127.0.0.1:${port}`),
  );
  for (let jobs = 0; jobs < 3; jobs++) await runOne(person, compute);
  await agent.said(/No WebSocket to the server stays open/);
  await runOne(person, compute);
  expect(await wayOf(person)).toBe("http");
  expect(agent.stderr.match(/No WebSocket/g)).toHaveLength(1);
});

test("a connection that carries nothing any more is found in time, and jobs run on over another", async () => {
  await using stack = new AsyncDisposableStack();
  const { front, person, compute } = await behind(
    stack,
    () => TcpProxy.to(0),
    (proxy, port) => (proxy.target = port),
  );
  await runOne(person, compute);
  expect(await wayOf(person)).toBe("socket");
  front.freeze();
  const { jobId } = await compute.jobs.submit({ command: "echo found" });
  await waitFor("the job to run", async () => (await compute.jobs.retrieve(jobId)).status === "SUCCESS", {
    timeoutMs: FOUND_MS,
  });
  const { executions } = await compute.client.call("executions.list", { jobId });
  // What the server sent into the dead connection was never started, and its lease ran out meanwhile.
  expect(executions.filter((one) => one.startedAt !== undefined)).toHaveLength(1);
  expect(await wayOf(person)).toBe("socket");
});

test("when the server is stopped and started, the agent opens another socket, and its running job goes on", async () => {
  await using person = await Person.withServer({ agent: [] });
  const compute = await person.client();
  const { jobId } = await compute.jobs.submit({ command: "echo before; sleep 3; echo after" });
  await waitFor("the job to run", async () => (await compute.jobs.retrieve(jobId)).status === "RUNNING");
  await person.server.stop();
  await person.server.startAgain();
  expect((await compute.jobs.wait(jobId)).status).toBe("SUCCESS");
  expect(await person.get(["job", "logs", jobId])).toBe("before\nafter");
  await waitFor("the socket", async () => (await wayOf(person)) === "socket");
});
