import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { NodeDescription, NodeStatus } from "../../shared/node.ts";
import { type As, nodeCalls } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

const asleep = { suspended: true };

describe.each(nodeCalls)("with the calls of agents over %s:", (calls) => {
  let plane: TestPlane;
  let user: As;

  beforeEach(async () => {
    plane = await TestPlane.start();
    plane.api.nodeCalls = calls;
    user = await plane.api.user();
  });
  afterEach(() => plane[Symbol.asyncDispose]());

  const register = (description: Partial<NodeDescription> = {}) =>
    PlayedNode.register(plane.api, user, description);

  async function submit(manifest: object = {}): Promise<string> {
    return (await plane.api.call("jobs.submit", { command: "true", ...manifest }, user)).jobId;
  }
  const job = (jobId: string) => plane.api.call("jobs.retrieve", { jobId }, user);
  const view = ({ nodeId }: PlayedNode) => plane.api.call("nodes.retrieve", { nodeId }, user);
  const untilStatus = (node: PlayedNode, status: NodeStatus) =>
    waitFor(`the node to be ${status}`, async () => (await view(node)).status === status);

  async function running(node: PlayedNode, manifest: object = {}) {
    const jobId = await submit(manifest);
    const { executionId } = await node.take();
    await node.report(executionId, "RUNNING");
    return { jobId, executionId };
  }

  test("a sleeping node is shown as SUSPENDED, and a job answers its parked poll immediately", async () => {
    const node = await register();
    const parked = node.poll([], 1, 30, asleep);
    await untilStatus(node, "SUSPENDED");
    const submittedAtMs = performance.now();
    const jobId = await submit();
    const answer = await parked;
    expect(performance.now() - submittedAtMs).toBeLessThan(1_000);
    expect(answer.assignments.map((one) => one.jobId)).toEqual([jobId]);
    await plane.api.call("nodes.heartbeat", { executions: [] }, node.as);
    await untilStatus(node, "ACTIVE");
  });

  test("a sleeping node that only polls stays online with its running jobs; without polls it is OFFLINE after 30 s", async () => {
    const node = await register();
    const { executionId, jobId } = await running(node);
    for (let i = 0; i < 6; i++) {
      plane.pass(20);
      await node.poll([executionId], 1, 0, asleep);
      expect(await view(node)).toMatchObject({ status: "SUSPENDED", runningExecutions: 1 });
    }
    plane.pass(31);
    await untilStatus(node, "OFFLINE");
    // Its execution is given up right after.
    await waitFor("the job to be given up", async () => (await job(jobId)).status === "FAILED");
    expect(await job(jobId)).toMatchObject({ reason: "NodeLost" });
  });

  test("a node whose agent exits is OFFLINE immediately if nothing runs on it; if something may still run, it gets time", async () => {
    const node = await register();
    const { executionId } = await running(node);
    const leave = (executions: string[]) =>
      plane.api.call("nodes.heartbeat", { executions, leaving: true }, node.as);
    await leave([executionId]);
    expect(await view(node)).toMatchObject({ status: "ACTIVE" });
    await node.report(executionId, "SUCCEEDED");
    await leave([]);
    expect(await view(node)).toMatchObject({ status: "OFFLINE" });
  });

  test("a parked poll does not keep a machine without power from being OFFLINE, and the next poll brings it back", async () => {
    const node = await register();
    const parked = node.poll([], 1, 30, asleep);
    await untilStatus(node, "SUSPENDED");
    plane.pass(31);
    await untilStatus(node, "OFFLINE");
    const next = node.poll([], 1, 30, asleep);
    await untilStatus(node, "SUSPENDED");
    // The old poll, which nobody reads any more, ends when the next one arrives.
    expect((await parked).assignments).toEqual([]);
    await submit();
    expect((await next).assignments).toHaveLength(1);
  });

  test("a job that a sleeping node no longer holds is over, even without a heartbeat", async () => {
    const node = await register();
    const { jobId } = await running(node);
    plane.pass(25);
    await node.poll([], 0, 0, asleep);
    expect(await job(jobId)).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
  });

  test("a node that refuses work gets none, keeps its running jobs, and gets work as soon as it stops refusing", async () => {
    const node = await register();
    const { executionId } = await running(node);
    const refusing = "only 90 MiB are free below /var/lib/tanvrit";
    const beat = (condition: object) =>
      plane.api.call("nodes.heartbeat", { executions: [executionId], condition }, node.as);
    await beat({ refusing });
    const jobId = await submit();
    expect(await node.poll([executionId], 1, 0, { refusing })).toMatchObject({
      assignments: [],
      abandon: [],
    });
    expect(await view(node)).toMatchObject({ status: "ACTIVE", refusing, runningExecutions: 1 });
    // The waiting poll began while the node refused work.
    const worse = "only 80 MiB are free below /var/lib/tanvrit";
    const parked = node.poll([executionId], 1, 20, { refusing: worse });
    await waitFor("the poll to reach the server", async () => (await view(node)).refusing === worse);
    await beat({});
    expect((await parked).assignments.map((one) => one.jobId)).toEqual([jobId]);
    expect((await view(node)).refusing).toBeUndefined();
  });

  test("a drain with the node's key outlives its agent; ending the drain wakes the parked poll", async () => {
    const node = await register();
    expect((await plane.api.call("nodes.drain", {}, node.as)).status).toBe("DRAINING");
    const { nodeId } = node;
    const again = await plane.api.call("nodes.register", { ...describeNode(), nodeId }, node.as);
    expect(again.node.status).toBe("DRAINING");
    const taken = await plane.api.call("nodes.register", { ...describeNode(), nodeId }, user);
    expect(taken.node.status).toBe("DRAINING");
    const as = { nodeKey: taken.nodeKey };
    const poll = (waitSeconds: number) =>
      plane.api.call("nodes.poll", { executions: [], maxAssignments: 1, waitSeconds }, as);
    expect((await poll(0)).status).toBe("DRAINING");
    const jobId = await submit();
    const parked = poll(20);
    expect((await plane.api.call("nodes.drain", { drain: false }, as)).status).toBe("ACTIVE");
    // The response says that the drain is over, or already brings the job.
    const answers = [await parked, await poll(5)];
    expect(answers[0]?.status).toBe("ACTIVE");
    expect(answers.flatMap((one) => one.assignments.map((given) => given.jobId))).toContain(jobId);
  });

  test("an agent that comes back keeps the executions it still has: started or not, reported or not", async () => {
    const node = await register();
    const first = await running(node);
    await submit();
    const second = (await node.poll([first.executionId], 1, 5)).assignments[0]?.executionId ?? "";
    const held = [first.executionId, second];
    const { nodeId } = node;
    await plane.api.call("nodes.register", { ...describeNode(), executions: held, nodeId }, node.as);
    // The second was started, but its agent died before it could say so. It is not handed out again.
    expect(await node.poll(held, 1, 0)).toMatchObject({ assignments: [], abandon: [], cancel: [] });
    expect(await node.report(second, "RUNNING")).toBe("applied");
    expect(await node.report(second, "RUNNING")).toBe("repeated");
    expect(await node.report(first.executionId, "RUNNING")).toBe("repeated");
    expect(await node.report(first.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("applied");
    expect(await job(first.jobId)).toMatchObject({ status: "SUCCESS", attempt: 1 });
  });

  test("an agent that comes back without an execution ends it, and its later reports about it change nothing", async () => {
    const node = await register();
    const { jobId, executionId } = await running(node);
    const { nodeId } = node;
    await plane.api.call("nodes.register", { ...describeNode(), nodeId }, node.as);
    expect(await job(jobId)).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
    // A process that still runs it must learn that it is over.
    expect(await node.report(executionId, "RUNNING")).toBe("stale");
    expect((await node.poll([executionId], 0, 0)).abandon).toEqual([executionId]);
    expect(await node.report(executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  });

  test("a result that arrives after its node was lost is stale, and the answer tells the node to drop the execution", async () => {
    const node = await register();
    const { jobId, executionId } = await running(node, { maxRetries: 1 });
    plane.pass(31);
    await untilStatus(node, "OFFLINE");
    await waitFor("the job to be given up", async () => (await job(jobId)).status === "QUEUED");
    const orders = await plane.api.call("nodes.heartbeat", { executions: [executionId] }, node.as);
    expect(orders).toMatchObject({ status: "ACTIVE", abandon: [executionId] });
    expect(await node.report(executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
    expect(await node.log(executionId, 1, ["late"])).toBe("stale");
    expect(await job(jobId)).toMatchObject({ status: "QUEUED", lostCount: 1 });
  });

  test("lines that a killed agent sends again are stored once, and a gap is refused", async () => {
    const node = await register();
    const { jobId, executionId } = await running(node);
    expect(await node.log(executionId, 1, ["a", "b", "c"])).toBe(3);
    expect(await node.log(executionId, 2, ["b", "c", "d", "e"])).toBe(5);
    expect(await node.log(executionId, 8, ["h"])).toBe(5);
    expect(await node.log(executionId, 1, ["a", "b"])).toBe(5);
    expect(await node.log(executionId, 6, ["f"])).toBe(6);
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    const { executions } = await plane.api.call("executions.list", { jobId }, user);
    expect(executions.map((one) => one.logLines)).toEqual([6]);
  });

  test("a job that asks for more than a node's owner allows says which limit it exceeds", async () => {
    const capacity = { cpu: 2, memoryMb: 512, gpuCount: 0, slots: 4 };
    const caps = { cpu: 2, memoryMb: 512, gpuCount: 0, enforcedBy: "cgroup v2" };
    await register({ name: "desk", capacity, caps });
    const whyNot = async (resources: object) => (await job(await submit({ resources }))).unschedulableReason;
    expect(await whyNot({ cpu: 3 })).toContain(
      "desk: its owner limits jobs to 2 cores (limits.cpu), the job asks for 3",
    );
    expect(await whyNot({ memoryMb: 600 })).toContain("512 MiB of memory (limits.memoryMb)");
    expect(await whyNot({ gpuCount: 1 })).toContain("0 GPUs (limits.gpuCount), the job asks for 1");
  });

  test("a refresh token that comes back too late revokes the nodes' access like a logout, also for a parked poll", async () => {
    const { accessToken, refreshToken } = await plane.api.signIn("local", "somebody");
    const node = await PlayedNode.register(plane.api, { token: accessToken });
    const parked = node.poll([], 1, 30, asleep).then(JSON.stringify, String);
    await untilStatus(node, "SUSPENDED");
    const next = await plane.api.call("auth.refresh", { refreshToken });
    await plane.api.call("auth.refresh", { refreshToken: next.refreshToken });
    const reused = await plane.api.refused("auth.refresh", { refreshToken });
    expect(reused.code).toBe("session_ended");
    expect(await parked).toContain("session_ended");
    const { nodes } = await plane.api.call("jobs.why", { jobId: await submit() }, user);
    expect(nodes).toMatchObject([{ verdict: "unavailable", rule: "signed-out" }]);
  });
});
