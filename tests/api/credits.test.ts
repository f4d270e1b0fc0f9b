import { afterEach, beforeEach, expect, test } from "bun:test";
import { isSound } from "../../server/credit/credit-store.ts";
import { newId } from "../../shared/ids.ts";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

const MONTHLY = 30_000_000;
/** $10.80 per hour and core. */
const price = { vcpuSecondMicroUsd: 3_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 };
const pricing = new Map([["cloud", { sku: "std", price }]]);
const resources = { cpu: 1, memoryMb: 1_024 };

let plane: TestPlane;
beforeEach(async () => {
  plane = await TestPlane.start(undefined, pricing);
});
afterEach(async () => {
  const audits = await plane.stores.credits.audit();
  await plane[Symbol.asyncDispose]();
  expect(audits.length).toBeGreaterThan(0);
  expect(audits.filter((audit) => !isSound(audit))).toEqual([]);
});

test("prices list the hosted pools", async () => {
  const { user } = await somebody();
  await balance(user);
  const { pools } = await plane.api.call("credits.prices", {}, user);
  expect(pools).toEqual([{ pool: "cloud", sku: "std", ...price }]);
});

test("a job in a hosted pool costs its run time, and the rest of its reservation comes back", async () => {
  const { user, cloud, pass } = await somebody();
  const { jobId } = await submit(user, { timeoutSeconds: 600, graceSeconds: 0 });
  const { executionId } = await cloud.take();
  expect(await balance(user)).toMatchObject({
    reservedMicroUsd: 1_800_000,
    availableMicroUsd: MONTHLY - 1_800_000,
  });
  // A response that was lost is sent again, and credit is reserved only once.
  await cloud.poll([], 1, 0);
  expect((await balance(user)).reservedMicroUsd).toBe(1_800_000);
  await cloud.report(executionId, "RUNNING");
  await pass(100);
  await cloud.report(executionId, "SUCCEEDED", { exitCode: 0, at: new Date(plane.now()).toISOString() });
  const costMicroUsd = await costOf(user, jobId);
  expect(costMicroUsd).toBeGreaterThanOrEqual(300_000);
  expect(costMicroUsd).toBeLessThan(303_000);
  expect(await balance(user)).toMatchObject({
    reservedMicroUsd: 0,
    availableMicroUsd: MONTHLY - costMicroUsd,
  });
  const spent = { costMicroUsd, executions: 1 };
  const { days, jobs, templates, ...total } = await plane.api.call("credits.spend", {}, user);
  expect(total).toEqual({ ...spent, more: false });
  expect(days).toEqual([{ day: new Date(plane.now()).toISOString().slice(0, 10), ...spent }]);
  expect(jobs).toMatchObject([{ jobId, ...spent }]);
  expect(templates).toEqual([]);
  const later = { since: new Date(plane.now() + 60_000).toISOString() };
  expect((await plane.api.call("credits.spend", later, user)).days).toEqual([]);
  const { entries } = await plane.api.call("credits.ledger", {}, user);
  expect(entries.map((entry) => [entry.kind, entry.jobId === jobId])).toEqual([
    ["RELEASE", true],
    ["SETTLE", true],
    ["RESERVE", true],
    ["MONTHLY_GRANT", false],
  ]);
});

test("what the jobs of a template cost adds up under its name, and under its id once it is deleted", async () => {
  const { user, cloud, pass } = await somebody();
  const { api } = plane;
  const job = { command: "true", pool: "cloud", resources };
  const { templateId } = await api.call("templates.create", { name: "evaluate", job }, user);
  const jobIds: string[] = [];
  for (const _ of [1, 2]) {
    const { jobId } = await api.call("templates.run", { template: "evaluate" }, user);
    jobIds.push(jobId);
    const { executionId } = await cloud.take();
    await cloud.report(executionId, "RUNNING");
    await pass(50);
    await cloud.report(executionId, "SUCCEEDED", { exitCode: 0, at: new Date(plane.now()).toISOString() });
    await costOf(user, jobId);
  }
  const spend = await api.call("credits.spend", {}, user);
  const { costMicroUsd } = spend;
  expect(spend.templates).toEqual([{ templateId, name: "evaluate", costMicroUsd, executions: 2 }]);
  expect(spend.jobs.map((one) => [one.jobId, one.templateId]).sort()).toEqual(
    jobIds.map((jobId) => [jobId, templateId]).sort(),
  );
  await api.call("templates.delete", { template: templateId }, user);
  const { templates } = await api.call("credits.spend", {}, user);
  expect(templates).toEqual([{ templateId, costMicroUsd, executions: 2 }]);
});

test("a job on the user's own nodes costs nothing, even when the credit is used up", async () => {
  const { user, own } = await somebody();
  await submit(user, { pool: "own" });
  const { jobId, executionId } = await own.take();
  await own.report(executionId, "SUCCEEDED", { exitCode: 0 });
  const job = await plane.api.call("jobs.retrieve", { jobId }, user);
  expect(job).toMatchObject({ status: "SUCCESS" });
  expect(job.costMicroUsd).toBeUndefined();
  expect((await plane.api.call("credits.ledger", {}, user)).entries).toHaveLength(1);
});

test("a job that never started costs nothing", async () => {
  const { user, cloud } = await somebody();
  const { jobId } = await submit(user);
  const { executionId } = await cloud.take();
  await cloud.report(executionId, "FAILED", { reason: "StartFailed" });
  await waitFor("the credit to come back", async () => (await balance(user)).reservedMicroUsd === 0);
  expect((await balance(user)).availableMicroUsd).toBe(MONTHLY);
  expect(await costOf(user, jobId)).toBe(0);
});

test("without enough credit a job for a hosted pool is refused with 402, also in a batch, and jobs on own nodes still run", async () => {
  const { user, own } = await somebody();
  const tooMuch = { command: "true", pool: "cloud", resources: { cpu: 3 } };
  const refused = await plane.api.refused("jobs.submit", tooMuch, user);
  expect(refused).toMatchObject({ code: "credit_exhausted", status: 402 });
  expect(refused.detail).toContain("$32.40");
  expect((await plane.api.refused("jobs.submit-batch", { jobs: [tooMuch] }, user)).code).toBe(
    "credit_exhausted",
  );
  expect((await plane.api.call("jobs.list", {}, user)).jobs).toEqual([]);
  const dryRun = await plane.api.call("jobs.dry-run", tooMuch, user);
  const hour = 32_400_000;
  expect(dryRun.cost).toEqual({
    sku: "std",
    ...{ hourMicroUsd: hour, reserveMicroUsd: hour, availableMicroUsd: MONTHLY },
  });
  expect((await plane.api.call("jobs.dry-run", { ...tooMuch, pool: "own" }, user)).cost).toBeUndefined();
  await submit(user, { pool: "own", resources: { cpu: 3 } });
  expect((await own.take()).jobId).toStartWith("job_");
});

test("a repeated submit with its key gets the first answer, even if the credit has been used up since", async () => {
  const { user } = await somebody();
  const body = JSON.stringify({ command: "true", pool: "cloud", resources: { cpu: 2 } });
  const key = { "idempotency-key": crypto.randomUUID() };
  const send = async (headers = {}) => {
    const response = await plane.api.send("jobs.submit", body, user, headers);
    const { jobId } = (await response.json()) as { jobId?: string };
    return { status: response.status, jobId };
  };
  const first = await send(key);
  const { jobId = "" } = first;
  await spend(user, 10_000_000);
  expect((await send()).status).toBe(402);
  expect(await send(key)).toMatchObject({ status: 200, jobId });
  const batch = { jobs: [{ ...JSON.parse(body), idempotencyKey: key["idempotency-key"] }] };
  const again = await plane.api.call("jobs.submit-batch", batch, user);
  expect(again.jobs).toEqual([{ jobId, created: false }]);
});

test("a job without credit at its assignment waits, says so, and runs when there is credit", async () => {
  const { user, cloud, name, pass } = await somebody();
  const [first, second] = [await submit(user, { cpu: 2 }), await submit(user, { cpu: 2 })];
  const { executionId } = await cloud.take();
  await cloud.report(executionId, "RUNNING");
  await cloud.poll([executionId], 1, 0.2);
  const waiting = await plane.api.call("jobs.retrieve", { jobId: second.jobId }, user);
  expect(waiting).toMatchObject({ status: "QUEUED", retryCount: 0 });
  expect(waiting.message).toMatch(/waits for credit: pool cloud needs \$21\.60 .* \$8\.40 is available/);
  expect(waiting.notBefore).toBeDefined();
  await plane.api.call("credits.grant", { user: name, amountMicroUsd: 20_000_000, reason: "more" }, user);
  for (let i = 0; i < 3; i++) {
    await pass(12);
    await plane.api.call("nodes.heartbeat", { executions: [executionId] }, cloud.as);
  }
  const next = await waitFor("the second job", async () => {
    const { assignments } = await cloud.poll([executionId], 1, 1);
    return assignments[0];
  });
  expect(next.jobId).toBe(second.jobId);
  expect(first.jobId).not.toBe(second.jobId);
});

test("executions that a dead server left unsettled are settled by the next round of compute-metering", async () => {
  const { user, cloud, businessId, pass } = await somebody();
  const { jobId } = await submit(user);
  const { executionId } = await cloud.take();
  await cloud.report(executionId, "RUNNING");
  // Writes what another server would have written before it died, without the ledger entry.
  const nowMs = plane.now();
  await plane.stores.jobs.change([
    {
      key: { executionId, nodeId: cloud.nodeId },
      decide: (state) => {
        if (!state?.execution) throw new Error("the execution does not exist");
        const ended = {
          status: "SUCCEEDED" as const,
          finishedAtMs: (state.execution.startedAtMs ?? 0) + 5_000,
        };
        const job = { ...state.job, status: "SUCCESS" as const, finishedAtMs: nowMs };
        return { execution: { ...state.execution, ...ended }, job, result: undefined };
      },
    },
  ]);
  await pass(31);
  await waitFor("the settlement", async () => (await balance(user)).reservedMicroUsd === 0);
  expect(await costOf(user, jobId)).toBe(15_000);
  const stored = await plane.stores.credits.costs(businessId, [jobId]);
  expect(stored.get(jobId)).toBe(15_000);
});

test("only an owner can grant credit, and only to users of their own business", async () => {
  const { user, name, businessName } = await somebody();
  const member = await signInAs("member", businessName);
  const grant = { user: name, amountMicroUsd: 1, reason: "please" };
  const refused = await plane.api.refused("credits.grant", grant, member);
  expect(refused).toMatchObject({ code: "forbidden", status: 403 });
  const stranger = await somebody();
  for (const other of [stranger.name, stranger.userId]) {
    expect((await plane.api.refused("credits.grant", { ...grant, user: other }, user)).code).toBe(
      "not_found",
    );
  }
  expect((await balance(user)).lastingMicroUsd).toBe(0);
  expect((await balance(stranger.user)).lastingMicroUsd).toBe(0);
});

test("the same user has a separate account and ledger in another business", async () => {
  const { user, name } = await somebody();
  await plane.api.call("credits.grant", { user: name, amountMicroUsd: 5, reason: "here" }, user);
  const elsewhere = await plane.api.user(`${name}-second`, name);
  expect((await balance(elsewhere)).availableMicroUsd).toBe(MONTHLY);
  const { entries } = await plane.api.call("credits.ledger", {}, elsewhere);
  expect(entries.map((entry) => entry.kind)).toEqual(["MONTHLY_GRANT"]);
});

/** A user with a business of their own, a node of the hosted pool, and a node of another pool. */
async function somebody() {
  const { api } = plane;
  const name = `user-${crypto.randomUUID().slice(0, 8)}`;
  const { accessToken: token, identity, ...tokens } = await api.signIn(`${name}-business`, name);
  const user = { token };
  /** Lets time pass without letting the user's token expire. */
  const pass = async (seconds: number) => {
    plane.pass(seconds);
    const { accessToken, refreshToken } = await api.call("auth.refresh", {
      refreshToken: tokens.refreshToken,
    });
    user.token = accessToken;
    tokens.refreshToken = refreshToken;
  };
  const capacity = { cpu: 8, memoryMb: 16_384, gpuCount: 0, slots: 8 };
  const cloud = await PlayedNode.register(api, user, { pool: "cloud", capacity });
  const own = await PlayedNode.register(api, user, { pool: "own", capacity });
  const { userId, businessId, businessName } = identity;
  return { user, cloud, own, name, pass, userId, businessId, businessName };
}

/** Signs a user in with a role that the same-machine sign-in does not give. */
async function signInAs(role: "member", businessName: string): Promise<As> {
  const userName = `user-${crypto.randomUUID().slice(0, 8)}`;
  const session = { sessionId: newId("ses"), userName, businessName, role, nowMs: Date.now() };
  await plane.stores.sessions.create(session);
  return plane.api.user(businessName, userName);
}

function submit(user: As, job: { pool?: string; cpu?: number } & Record<string, unknown> = {}) {
  const { cpu = 1, ...rest } = job;
  return plane.api.call(
    "jobs.submit",
    { command: "true", pool: "cloud", resources: { ...resources, cpu }, ...rest },
    user,
  );
}

/** Like the reservation of another execution. */
async function spend(user: As, microUsd: number): Promise<void> {
  const { userId, businessId } = await plane.api.call("auth.whoami", {}, user);
  const who = { businessId, userId, nowMs: plane.now(), executionId: newId("exe") };
  const dollarASecond = { vcpuSecondMicroUsd: 1_000_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 };
  const bill = { sku: "std", price: dollarASecond, resources: { cpu: 1, memoryMb: 0, gpuCount: 0 } };
  const runMs = microUsd / 1_000;
  const cover = { jobId: newId("job"), nodeId: newId("node"), coverMs: runMs, maxCoverMs: runMs };
  await plane.stores.credits.post([
    { kind: "reserve", ...who, ...cover, bill },
    { kind: "settle", ...who, runMs },
  ]);
}

function balance(user: As) {
  return plane.api.call("credits.balance", {}, user);
}

async function costOf(user: As, jobId: string): Promise<number> {
  await waitFor("the settlement", async () => (await balance(user)).reservedMicroUsd === 0);
  return (await plane.api.call("jobs.retrieve", { jobId }, user)).costMicroUsd ?? Number.NaN;
}
