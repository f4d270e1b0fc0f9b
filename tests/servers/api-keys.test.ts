import { beforeAll, expect, test } from "bun:test";
import type { CallId, EndpointInput } from "../../shared/endpoints/index.ts";
import type { As } from "../support/api.ts";
import { Fleet, type FleetServer } from "../support/fleet.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { TestRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const mongo = forAllTests(await TestMongo.start());
const redis = forAllTests(await TestRedis.start());
const fleet = forAllTests(
  await Fleet.start(["0", "0", "0"], { TANVRIT_STORE: mongo.url("keys"), TANVRIT_BUS: redis.url }),
);
const JOB = { command: "true", labels: { only: "nowhere" } };
let owner: As;
let count = 0;

beforeAll(async () => {
  owner = await serverOf(0).api.user();
});

function serverOf(i: number): FleetServer {
  const server = fleet.servers[i % fleet.servers.length];
  if (!server) throw new Error("the fleet has no servers");
  return server;
}

async function keyWith(input: Omit<EndpointInput<"api-keys.create">, "name">): Promise<As> {
  const { key } = await serverOf(0).api.call("api-keys.create", { name: `key-${count++}`, ...input }, owner);
  return { apiKey: key };
}

/** Sends the same call many times at once, to all servers in turn. */
async function sendAtOnce(times: number, id: CallId, input: object, as: As): Promise<Response[]> {
  const body = JSON.stringify(input);
  return Promise.all(Array.from({ length: times }, (_, i) => serverOf(i).api.send(id, body, as)));
}

async function jobsOf({ apiKey = "" }: As): Promise<string[]> {
  const { jobs } = await serverOf(1).api.call("jobs.list", { limit: 500 }, owner);
  return jobs.filter((job) => job.apiKeyId === apiKey.slice(0, 12)).map(({ jobId }) => jobId);
}

const statusesOf = (answers: readonly Response[]) =>
  Object.fromEntries(
    Map.groupBy(answers, ({ status }) => status)
      .entries()
      .map(([status, some]) => [status, some.length]),
  );

test("of 200 submits at once on three servers, max-jobs-per-hour 10 lets exactly 10 through", async () => {
  const as = await keyWith({ maxJobsPerHour: 10 });
  const answers = await sendAtOnce(200, "jobs.submit", JOB, as);
  expect(statusesOf(answers)).toEqual({ 200: 10, 429: 190 });
  for (const refused of answers.filter(({ status }) => status === 429)) {
    expect(Number(refused.headers.get("retry-after"))).toBeWithin(3_000, 3_601);
    expect(refused.headers.get("ratelimit-policy")).toBe('"jobs-per-hour";q=10;w=3600');
    expect(refused.headers.get("ratelimit")).toMatch(/^"jobs-per-hour";r=0;t=\d+$/);
    expect(refused.headers.get("ratelimit-limit")).toBe("10");
    expect(refused.headers.get("ratelimit-remaining")).toBe("0");
  }
  expect(await jobsOf(as)).toHaveLength(10);
});

test("of 60 submits at once on three servers, max-concurrent 7 lets exactly 7 through", async () => {
  const as = await keyWith({ maxConcurrent: 7 });
  expect(statusesOf(await sendAtOnce(60, "jobs.submit", JOB, as))).toEqual({ 200: 7, 429: 53 });
  const jobs = await jobsOf(as);
  for (const jobId of jobs.slice(0, 3)) await serverOf(2).api.call("jobs.cancel", { jobId }, owner);
  expect(statusesOf(await sendAtOnce(30, "jobs.submit", JOB, as))).toEqual({ 200: 3, 429: 27 });
});

test("batches, arrays and retries at once on three servers never exceed the hour's limit together", async () => {
  const as = await keyWith({ maxJobsPerHour: 20 });
  const { jobId } = await serverOf(0).api.call("jobs.submit", JOB, owner);
  await serverOf(0).api.call("jobs.cancel", { jobId }, owner);
  const sent = await Promise.all([
    sendAtOnce(9, "jobs.submit-batch", { jobs: [JOB, JOB, JOB] }, as),
    sendAtOnce(9, "jobs.submit", { ...JOB, array: "1-4" }, as),
    sendAtOnce(9, "jobs.submit", JOB, as),
    sendAtOnce(3, "jobs.retry", { jobId }, as),
  ]);
  const passed = sent.map((answers) => answers.filter(({ status }) => status === 200).length);
  const [batches = 0, arrays = 0, singles = 0] = passed;
  const retries = sent[3].filter(({ status }) => status !== 429).length;
  const counted = 3 * batches + 4 * arrays + singles + retries;
  expect(counted).toBeLessThanOrEqual(20);
  // What is left is too little for a single job only if nothing is left.
  const left = await sendAtOnce(20, "jobs.submit", JOB, as);
  expect(counted + left.filter(({ status }) => status === 200).length).toBe(20);
});

test("one request that reaches all servers many times, with one idempotency key, counts once", async () => {
  const as = await keyWith({ maxJobsPerHour: 2 });
  const headers = { "idempotency-key": "once" };
  const body = JSON.stringify(JOB);
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => serverOf(i).api.send("jobs.submit", body, as, headers)),
  );
  expect(statusesOf(answers)).toEqual({ 200: 30 });
  expect(await jobsOf(as)).toHaveLength(1);
  expect(statusesOf(await sendAtOnce(10, "jobs.submit", JOB, as))).toEqual({ 200: 1, 429: 9 });
});

test("a job type that the key may not make is refused with 403 by every server", async () => {
  const as = await keyWith({ allowedJobTypes: ["DOCKER"] });
  expect(statusesOf(await sendAtOnce(6, "jobs.submit", JOB, as))).toEqual({ 403: 6 });
  const container = { ...JOB, type: "DOCKER", image: "busybox" };
  expect(statusesOf(await sendAtOnce(6, "jobs.submit", container, as))).toEqual({ 200: 6 });
});

test("a revoked key fails on its very next call on every server, and its last use is known to all", async () => {
  const as = await keyWith({});
  for (let i = 0; i < 3; i++) await serverOf(i).api.call("jobs.list", {}, as);
  const apiKeyId = as.apiKey?.slice(0, 12) ?? "";
  await waitFor("the use to be noted", async () => {
    const { apiKeys } = await serverOf(2).api.call("api-keys.list", { limit: 100 }, owner);
    return apiKeys.some((key) => key.apiKeyId === apiKeyId && key.lastUsedAt !== undefined);
  });
  await serverOf(1).api.call("api-keys.revoke", { apiKeyId }, owner);
  const codes = await Promise.all([0, 1, 2].map((i) => serverOf(i).api.refused("jobs.list", {}, as)));
  expect(codes.map(({ code }) => code)).toEqual(Array(3).fill("unauthenticated"));
});
