import { expect, test } from "bun:test";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

const HOUR_SECONDS = 3_600;
const LOST_SECONDS = 31;

/** A person who stays signed in, whatever the clock says. */
async function person(plane: TestPlane): Promise<() => Promise<As>> {
  let { refreshToken } = await plane.api.signIn("local");
  return async () => {
    const tokens = await plane.api.call("auth.refresh", { refreshToken });
    ({ refreshToken } = tokens);
    return { token: tokens.accessToken };
  };
}

const statusOf = async (plane: TestPlane, user: As, jobId: string) =>
  (await plane.api.call("jobs.retrieve", { jobId }, user)).status;

test("a retry that was planned while the clock was ahead comes when the clock is set right", async () => {
  await using plane = await TestPlane.start();
  const signedIn = await person(plane);
  await plane.setClock(2 * HOUR_SECONDS);
  const user = await signedIn();
  const node = await PlayedNode.register(plane.api, user);
  const { jobId } = await plane.api.call("jobs.submit", { command: "false", maxRetries: 3 }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  await plane.setClock(-2 * HOUR_SECONDS);
  await plane.setClock(2 * HOUR_SECONDS);
  await node.report(executionId, "FAILED", { exitCode: 1 });
  await plane.setClock(-2 * HOUR_SECONDS);
  const again = await signedIn();
  await waitFor("the retry", async () => {
    await plane.api.call("nodes.heartbeat", { executions: [] }, node.as);
    const { assignments } = await node.poll([], 1, 1);
    return assignments.some((one) => one.jobId === jobId);
  });
  expect(await statusOf(plane, again, jobId)).toBe("ASSIGNED");
});

test("a retry that becomes due because the clock was set forward runs immediately", async () => {
  await using plane = await TestPlane.start();
  const signedIn = await person(plane);
  const user = await signedIn();
  const node = await PlayedNode.register(plane.api, user);
  const notBefore = new Date(plane.now() + HOUR_SECONDS * 1_000).toISOString();
  const { jobId } = await plane.api.call("jobs.submit", { command: "true", notBefore }, user);
  await plane.setClock(2 * HOUR_SECONDS);
  const startMs = performance.now();
  await waitFor("the job", async () => {
    const { assignments } = await node.poll([], 1, 1);
    return assignments.some((one) => one.jobId === jobId);
  });
  expect(performance.now() - startMs).toBeLessThan(8_000);
});

test("a node that goes silent is lost after the usual time when the clock was ahead and is set right", async () => {
  await using plane = await TestPlane.start();
  const signedIn = await person(plane);
  await plane.setClock(2 * HOUR_SECONDS);
  const early = await signedIn();
  const node = await PlayedNode.register(plane.api, early);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, early);
  await node.report((await node.take()).executionId, "RUNNING");
  await plane.setClock(-2 * HOUR_SECONDS);
  const user = await signedIn();
  const nodeOf = async () => (await plane.api.call("nodes.list", {}, user)).nodes[0];
  await waitFor("the corrected time of its last heartbeat", async () => {
    return Date.parse((await nodeOf())?.lastHeartbeatAt ?? "") <= plane.now() + 1_000;
  });
  plane.pass(LOST_SECONDS);
  plane.pass(LOST_SECONDS);
  await waitFor("the loss", async () => (await statusOf(plane, user, jobId)) === "FAILED");
  expect((await nodeOf())?.status).toBe("OFFLINE");
});

test("a schedule that fired while the clock was ahead shows its right next time as soon as the clock is set right", async () => {
  await using plane = await TestPlane.start();
  const signedIn = await person(plane);
  const user = await signedIn();
  const rule = { cron: "*/10 * * * * *", job: { command: "true" } };
  const { scheduleId } = await plane.api.call("schedules.create", rule, user);
  const nextMs = async (as: As) =>
    Date.parse((await plane.api.call("schedules.retrieve", { scheduleId }, as)).nextFireAt ?? "");
  await plane.setClock(2 * HOUR_SECONDS);
  const early = await signedIn();
  await waitFor("fires ahead", async () => (await nextMs(early)) > plane.now() - 11_000);
  await plane.setClock(-2 * HOUR_SECONDS);
  const late = await signedIn();
  await waitFor("the right time", async () => (await nextMs(late)) <= plane.now() + 11_000);
});
