import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";

const price = { vcpuSecondMicroUsd: 3_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 };
const plane = forAllTests(await TestPlane.start(undefined, new Map([["cloud", { sku: "std", price }]])));
const { api } = plane;

/** A node with one slot, which a running job has, and two more jobs in the queue. */
async function busyNode(pool = "default") {
  const user = await api.user(`somebody-${pool}-${crypto.randomUUID()}`);
  const capacity = { cpu: 4, memoryMb: 4_096, gpuCount: 0, slots: 1 };
  const node = await PlayedNode.register(api, user, { capacity, pool });
  const submit = async () => (await api.call("jobs.submit", { command: "true", pool }, user)).jobId;
  const jobs = [await submit(), await submit(), await submit()] as const;
  const first = await node.take();
  await node.report(first.executionId, "RUNNING");
  const pollAhead = (executions: string[], ahead: number) =>
    api.call("nodes.poll", { executions, maxAssignments: 1, ahead, waitSeconds: 0.2 }, node.as);
  return { user, node, jobs, first, pollAhead };
}

test("a node gets a job ahead of a free slot, and jobs.why says that the job waits there for one", async () => {
  const { user, node, jobs, first, pollAhead } = await busyNode();
  const answer = await pollAhead([first.executionId], 1);
  expect(answer.takesAhead).toBe(true);
  expect(answer.assignments.map(({ jobId }) => jobId)).toEqual([jobs[1]]);
  const why = await api.call("jobs.why", { jobId: jobs[1] }, user);
  expect(why).toMatchObject({ status: "ASSIGNED", waitsFor: "node" });
  expect(why.summary).toContain("waits there for a slot");
  const view = await api.call("nodes.retrieve", { nodeId: node.nodeId }, user);
  expect(view.runningExecutions).toBe(1);
  const next = await api.call("jobs.why", { jobId: jobs[2] }, user);
  expect(next.nodes).toMatchObject([{ verdict: "busy", detail: "no room now: 1 job takes 1 of 1 slots" }]);
});

test("a job that its node gives back is the first of its queue again, and the node may get it again", async () => {
  const { user, node, jobs, first, pollAhead } = await busyNode();
  const [ahead] = (await pollAhead([first.executionId], 1)).assignments;
  const { executionId = "" } = ahead ?? {};
  expect(await node.report(executionId, "RETURNED", { message: "No slot." })).toBe("applied");
  expect(await node.report(executionId, "RETURNED", { message: "No slot." })).toBe("stale");
  const job = await api.call("jobs.retrieve", { jobId: jobs[1] }, user);
  expect(job).toMatchObject({ status: "QUEUED", retryCount: 0 });
  const { executions } = await api.call("executions.list", { jobId: jobs[1] }, user);
  expect(executions).toEqual([]);
  expect((await pollAhead([first.executionId], 0)).assignments).toEqual([]);
  await node.report(first.executionId, "SUCCEEDED", { exitCode: 0 });
  expect((await node.take()).jobId).toBe(jobs[1]);
});

test("no heartbeat extends the lease of a job that it does not name", async () => {
  const { user, node, jobs, first, pollAhead } = await busyNode();
  const [ahead] = (await pollAhead([first.executionId], 1)).assignments;
  await api.call("nodes.heartbeat", { executions: [first.executionId] }, node.as);
  const { executions } = await api.call("executions.list", { jobId: jobs[1] }, user);
  expect(executions).toMatchObject([{ executionId: ahead?.executionId, status: "ASSIGNED" }]);
  const [live] = (await plane.stores.executions.live({ nodeId: node.nodeId })).filter(
    ({ execution }) => execution.executionId === ahead?.executionId,
  );
  expect(live?.execution.leaseExpiresAtMs).toBe(Date.parse(ahead?.leaseExpiresAt ?? ""));
});

test("nothing goes ahead in a hosted pool, where credit is set aside at the assignment", async () => {
  const { first, pollAhead } = await busyNode("cloud");
  expect((await pollAhead([first.executionId], 1)).assignments).toEqual([]);
});
