import { beforeAll, expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { PlayedNode } from "../support/played-node.ts";

const person = forAllTests(await Person.withServer());
let node: PlayedNode;

beforeAll(async () => {
  const user = await person.server.api.user();
  const capacity = { cpu: 2, memoryMb: 512, gpuCount: 2, slots: 4 };
  const caps = { cpu: 2, enforcedBy: "cgroup v2" };
  node = await PlayedNode.register(person.server.api, user, { name: "desk", capacity, caps });
});

test("node get shows what a node has, what its owner allows, and what runs there", async () => {
  const jobId = await person.submit(["--gpus", "2", "--", "true"]);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  const text = await person.get(["node", "get", node.nodeId]);
  expect(text).toContain("status: ACTIVE");
  expect(text).toContain("capacity: cpu=2 memoryMb=512 gpuCount=2 slots=4");
  expect(text).toContain("caps: cpu=2\nenforcedBy: cgroup v2");
  expect(text).toContain("labels: os=linux");
  expect(text).toMatch(new RegExp(`${executionId} +${jobId} +RUNNING +0,1 `));
  const json = JSON.parse(await person.get(["node", "get", node.nodeId, "--json"]));
  expect(json).toMatchObject({ nodeId: node.nodeId, executions: [{ executionId, gpuIndexes: [0, 1] }] });
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  const unknown = await person.run(["node", "get", "node_00000000000000000000000000"]);
  expect(unknown.exitCode).toBe(66);
});

test("node list shows that a node sleeps, and why a node refuses work", async () => {
  await node.poll([], 0, 0, { suspended: true });
  expect(await person.get(["node", "list", "--status", "suspended"])).toContain("SUSPENDED");
  const refusing = "only 90 MiB are free";
  const condition = { refusing };
  await person.server.api.call("nodes.heartbeat", { executions: [], condition }, node.as);
  const list = await person.get(["node", "list"]);
  expect(list).toMatch(/REFUSES WORK\n.*ACTIVE.*only 90 MiB are free$/);
  expect(await person.get(["node", "get", node.nodeId])).toContain(`refusing: ${refusing}`);
  expect(JSON.parse(await person.get(["node", "list", "--json"]))).toMatchObject([{ refusing }]);
});
