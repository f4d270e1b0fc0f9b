import { expect, test } from "bun:test";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

const A_LEASE_SECONDS = 16;
const LOST_SECONDS = 31;

test("an access token is valid for 15 minutes, and a refresh returns a new one", async () => {
  await using plane = await TestPlane.start();
  const tokens = await plane.api.signIn("local");
  plane.pass(14 * 60);
  await plane.api.call("auth.whoami", {}, { token: tokens.accessToken });
  plane.pass(2 * 60);
  const expired = await plane.api.refused("auth.whoami", {}, { token: tokens.accessToken });
  expect(expired.code).toBe("token_expired");
  const next = await plane.api.call("auth.refresh", { refreshToken: tokens.refreshToken });
  await plane.api.call("auth.whoami", {}, { token: next.accessToken });
});

test("an assignment that does not start within its lease goes back to the queue, and costs no attempt", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const slow = await PlayedNode.register(plane.api, user);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, user);
  const first = await slow.take();
  plane.pass(A_LEASE_SECONDS);
  await plane.api.call("nodes.heartbeat", { executions: [] }, slow.as);
  await untilStatus(plane, user, jobId, "QUEUED");
  const second = await slow.take();
  expect(second.executionId).not.toBe(first.executionId);
  // A report of the node about the first assignment now comes too late.
  expect(await slow.report(first.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  await slow.report(second.executionId, "RUNNING");
  await slow.report(second.executionId, "SUCCEEDED", { exitCode: 0 });
  const job = await plane.api.call("jobs.retrieve", { jobId }, user);
  expect(job).toMatchObject({ status: "SUCCESS", retryCount: 0 });
});

test("an assignment that its node works on is not taken back, however long an image takes, but a start limit still applies", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const node = await PlayedNode.register(plane.api, user);
  const pulls = await plane.api.call("jobs.submit", { command: "true" }, user);
  const limited = await plane.api.call("jobs.submit", { command: "true", startTimeoutSeconds: 45 }, user);
  const executions = (await node.poll([], 2, 5)).assignments.map((one) => one.executionId);
  expect(executions).toHaveLength(2);
  for (let i = 0; i < 4; i++) {
    plane.pass(10);
    await plane.api.call("nodes.heartbeat", { executions }, node.as);
  }
  plane.pass(A_LEASE_SECONDS);
  expect(await untilStatus(plane, user, limited.jobId, "FAILED")).toMatchObject({ reason: "StartTimeout" });
  expect(await plane.api.call("jobs.retrieve", { jobId: pulls.jobId }, user)).toMatchObject({
    status: "ASSIGNED",
    attempt: 1,
  });
  // From a node that has lost it, it is taken back as usual.
  await plane.api.call("nodes.heartbeat", { executions: [] }, node.as);
  plane.pass(A_LEASE_SECONDS);
  await untilStatus(plane, user, pulls.jobId, "QUEUED");
});

test("a silent node is OFFLINE; its job fails once without retries, and runs on another node with retries", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const silent = await PlayedNode.register(plane.api, user);
  const never = await plane.api.call("jobs.submit", { command: "true", maxRetries: 0 }, user);
  const again = await plane.api.call("jobs.submit", { command: "true", maxRetries: 1 }, user);
  for (let i = 0; i < 2; i++) await silent.report((await silent.take()).executionId, "RUNNING");
  plane.pass(LOST_SECONDS);
  const failed = await untilStatus(plane, user, never.jobId, "FAILED");
  expect(failed).toMatchObject({ reason: "NodeLost", attempt: 1 });
  await untilStatus(plane, user, again.jobId, "QUEUED");
  const { nodes } = await plane.api.call("nodes.list", { status: ["OFFLINE"] }, user);
  expect(nodes.map((node) => node.nodeId)).toEqual([silent.nodeId]);
  const other = await PlayedNode.register(plane.api, user);
  plane.pass(2);
  const assignment = await other.take();
  expect(assignment).toMatchObject({ jobId: again.jobId, attempt: 2 });
  await other.report(assignment.executionId, "RUNNING");
  await other.report(assignment.executionId, "SUCCEEDED", { exitCode: 0 });
  await untilStatus(plane, user, again.jobId, "SUCCESS");
});

test("the server ends a job as TIMEOUT if its agent should have ended it and did not", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const node = await PlayedNode.register(plane.api, user);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true", timeoutSeconds: 5 }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  for (let i = 0; i < 6; i++) {
    plane.pass(20);
    await plane.api.call("nodes.heartbeat", { executions: [executionId] }, node.as);
  }
  expect(await untilStatus(plane, user, jobId, "TIMEOUT")).toMatchObject({ reason: "Timeout" });
  const orders = await plane.api.call("nodes.heartbeat", { executions: [executionId] }, node.as);
  expect(orders.abandon).toEqual([executionId]);
});

test("a job whose outputs are on their way is not given up at its deadline, and keeps its own end", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const node = await PlayedNode.register(plane.api, user);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true", timeoutSeconds: 5 }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  const executions = [executionId];
  for (let i = 0; i < 6; i++) {
    expect(
      await plane.api.call("nodes.heartbeat", { executions, collecting: executions }, node.as),
    ).toMatchObject({ abandon: [] });
    plane.pass(20);
  }
  expect(await node.report(executionId, "FAILED", { exitCode: 3 })).toBe("applied");
  expect(await untilStatus(plane, user, jobId, "FAILED")).toMatchObject({ exitCode: 3 });
});

test("a server that stood still first gives its nodes time to report, and then counts their silence as usual", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const node = await PlayedNode.register(plane.api, user);
  const submit = (timeoutSeconds: number) =>
    plane.api.call("jobs.submit", { command: "true", timeoutSeconds }, user);
  const [long, short, late] = [await submit(3_600), await submit(20), await submit(3_600)];
  const { assignments } = await node.poll([], 3, 5);
  const held = (jobId: string) => assignments.find((one) => one.jobId === jobId)?.executionId ?? "";
  const [runs, ends, starts] = [held(long.jobId), held(short.jobId), held(late.jobId)];
  for (const executionId of [runs, ends]) await node.report(executionId, "RUNNING");
  const nowhere = { command: "true", labels: { os: "none" }, queueTtlSeconds: 60 };
  const waits = await plane.api.call("jobs.submit", nowhere, user);
  // The node sent its heartbeats in the meantime. The server reads them only now, after it has looked at the clock.
  plane.standStill(300);
  await untilStatus(plane, user, waits.jobId, "TIMEOUT");
  expect(await node.report(starts, "RUNNING")).toBe("applied");
  expect(await node.report(ends, "SUCCEEDED", { exitCode: 0 })).toBe("applied");
  await untilStatus(plane, user, short.jobId, "SUCCESS");
  const executions = [runs, starts];
  expect(await plane.api.call("nodes.heartbeat", { executions }, node.as)).toMatchObject({ abandon: [] });
  for (const { jobId } of [long, late]) await untilStatus(plane, user, jobId, "RUNNING");
  plane.pass(LOST_SECONDS);
  expect(await untilStatus(plane, user, long.jobId, "FAILED")).toMatchObject({ reason: "NodeLost" });
});

test("after a sign-out the node gets no new job, and running jobs may still report", async () => {
  await using plane = await TestPlane.start();
  const user = await plane.api.user();
  const node = await PlayedNode.register(plane.api, user);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  await plane.api.call("auth.logout", {}, user);
  const poll = await plane.api.refused(
    "nodes.poll",
    { executions: [], maxAssignments: 1, waitSeconds: 0 },
    node.as,
  );
  expect(poll.code).toBe("session_ended");
  expect(await node.report(executionId, "SUCCEEDED", { exitCode: 0 })).toBe("applied");
  const back = await plane.api.user();
  await untilStatus(plane, back, jobId, "SUCCESS");
});

function untilStatus(plane: TestPlane, user: As, jobId: string, status: string) {
  return waitFor(`job ${jobId} to be ${status}`, async () => {
    const job = await plane.api.call("jobs.retrieve", { jobId }, user);
    return job.status === status && job;
  });
}
