import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { Api } from "../support/api.ts";
import { Person } from "../support/person.ts";
import { describeNode } from "../support/played-node.ts";
import { Running } from "../support/program.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

/** An agent that registered with an enrolment token: no sign-in helps it. */
async function enrolled(person: Person, server: TestServer, machine: Person) {
  const token = await person.get(["node", "enroll"]);
  const start = () =>
    new Running(machine.home.path, ["agent", "run", "--url", server.url], { TANVRIT_ENROLL_TOKEN: token });
  const agent = start();
  const [, id = ""] = await agent.said(/Registered as \S+ \((node_\w+)\)/);
  const file = () => machine.home.join("agent", "local", "node.json");
  const keyOf = () => (JSON.parse(readFileSync(file(), "utf8")) as { nodeKey: string }).nodeKey;
  return { agent, id, start, file: file(), keyOf };
}

async function isRefused(server: TestServer, nodeKey: string): Promise<void> {
  const refused = await new Api(server.url).refused(
    "nodes.poll",
    { executions: [], maxAssignments: 0, waitSeconds: 0 },
    { nodeKey },
  );
  expect(refused.code).toBe("unauthenticated");
}

test("after node rotate-key the old key and the printed one are dead, and the running agent goes on without a sign-in", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  await using machine = await Person.stranger();
  const { agent, id, keyOf } = await enrolled(person, server, machine);
  const before = keyOf();
  const printed = await person.get(["node", "rotate-key", id]);
  await agent.said(/key was replaced; the agent has the new one/);
  for (const dead of [before, printed]) await isRefused(server, dead);
  const job = await person.submit(["--", "true"]);
  expect((await person.run(["job", "wait", job])).exitCode).toBe(0);
  expect((await person.job(job)).nodeId).toBe(id);
  await agent.stop();
});

test("an agent replaces a key that is too old by itself, and the old one is dead", async () => {
  await using server = await TestServer.start({ TANVRIT_NODE_KEY_DAYS: "0.00003" });
  await using person = await Person.signIn(server);
  await using machine = await Person.stranger();
  const { agent, keyOf } = await enrolled(person, server, machine);
  const before = keyOf();
  await agent.said(/Replaced this node's key/);
  expect(keyOf()).not.toBe(before);
  await isRefused(server, before);
  await agent.stop();
});

test("a crash after the server replaced the key, and before the disk has it, loses no node", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  await using machine = await Person.stranger();
  const { agent, id, start, file } = await enrolled(person, server, machine);
  await agent.stop();
  // What such a crash leaves: the rotation is on disk, and its answer is not.
  const rotation = crypto.randomUUID();
  const kept = JSON.parse(readFileSync(file, "utf8")) as { nodeKey: string };
  writeFileSync(file, JSON.stringify({ ...kept, rotation }));
  const api = new Api(server.url);
  const run = { runId: crypto.randomUUID(), place: "p", machine: "m", host: "h", pid: 1 };
  const { nodeKey } = kept;
  await api.call("nodes.register", { ...describeNode(), run }, { nodeKey });
  const once = { "idempotency-key": rotation };
  const lost = await api.call("nodes.rotate-key", {}, { nodeKey, runId: run.runId }, once);
  await isRefused(server, nodeKey);
  const leaving = { executions: [], leaving: true };
  await api.call("nodes.heartbeat", leaving, { nodeKey: lost.nodeKey, runId: run.runId });
  await using again = start();
  const [, same = ""] = await again.said(/Registered as \S+ \((node_\w+)\)/);
  expect(same).toBe(id);
  await waitFor("the node to be active", async () => (await person.get(["node", "list"])).includes("ACTIVE"));
  await again.stop();
});
