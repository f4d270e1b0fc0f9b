import { beforeEach, expect, test } from "bun:test";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type CallId, type EndpointId, type EndpointInput, endpoints } from "../../shared/endpoints/index.ts";
import { keyMay } from "../../shared/roles.ts";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const JOB = { command: "true", labels: { only: "nowhere" } };
let owner: As;
let count = 0;

// A new sign-in for each test, because some let time pass.
beforeEach(async () => {
  owner = await api.user("shop", "anna");
});

/** A key of the owner. */
async function keyWith(input: Omit<EndpointInput<"api-keys.create">, "name"> = {}): Promise<As> {
  const { key } = await api.call("api-keys.create", { name: `key-${count++}`, ...input }, owner);
  return { apiKey: key };
}

function send(id: CallId, input: object, as: As, headers?: Record<string, string>): Promise<Response> {
  return api.send(id, JSON.stringify(input), as, headers);
}

test("a key calls what its person may call, as that person, and the job names the key", async () => {
  const as = await keyWith();
  const who = await api.call("auth.whoami", {}, as);
  const apiKeyOf = { apiKeyId: as.apiKey?.slice(0, 12) };
  expect(who).toMatchObject({ userName: "anna", businessName: "shop", role: "owner", ...apiKeyOf });
  expect(who.sessionEndsAt).toBeUndefined();
  const short = await api.call("auth.whoami", {}, await keyWith({ expiresInSeconds: 60 }));
  expect(Date.parse(short.sessionEndsAt ?? "")).toBeWithin(plane.now(), plane.now() + 60_001);
  const { jobId, apiKeyId } = await api.call("jobs.submit", JOB, as);
  expect(apiKeyId).toBe(as.apiKey?.slice(0, 12));
  const job = await api.call("jobs.retrieve", { jobId }, owner);
  expect(job).toMatchObject({ apiKeyId, userId: who.userId });
  expect((await api.call("jobs.submit", JOB, owner)).apiKeyId).toBeUndefined();
});

test("no key touches keys, sessions, members or the registration of machines, not even one of an owner", async () => {
  const as = await keyWith();
  const readOnly = await keyWith({ readOnly: true });
  const calls = Object.entries(endpoints) as [EndpointId, Endpoint][];
  for (const [id, { right, method, path }] of calls) {
    if (right === undefined) continue;
    for (const [key, who] of [
      [as, { readOnly: false }],
      [readOnly, { readOnly: true }],
    ] as const) {
      if (keyMay(right, who)) continue;
      const body = method === "GET" ? {} : { body: "{}" };
      const headers = { "content-type": "application/json", ...headersOf(key) };
      const refused = await readProblem(await api.fetch(path, { method, headers, ...body }));
      expect({ id, code: refused.code }).toEqual({ id, code: "forbidden" });
    }
  }
  for (const right of [
    "account",
    "api-keys.own",
    "members.change",
    "nodes.register",
    "nodes.enroll",
  ] as const) {
    expect(keyMay(right, { readOnly: false })).toBe(false);
  }
});

test("a read-only key sees jobs and changes none", async () => {
  const as = await keyWith({ readOnly: true });
  const { jobId } = await api.call("jobs.submit", JOB, owner);
  expect((await api.call("jobs.retrieve", { jobId }, as)).jobId).toBe(jobId);
  const refused = await api.refused("jobs.cancel", { jobId }, as);
  expect(refused).toMatchObject({ code: "forbidden", detail: expect.stringContaining("read-only") });
});

test("a key never has more than its role, nor more than its person has then", async () => {
  const { businessId, userId } = await api.call("auth.whoami", {}, owner);
  const viewer = await keyWith({ role: "viewer" });
  expect((await api.refused("jobs.submit", JOB, viewer)).code).toBe("forbidden");
  const bert = await plane.stores.sessions.create({
    sessionId: "ses_00000000000000000000000001",
    userName: "bert",
    businessName: "shop",
    role: "admin",
    nowMs: plane.now(),
  });
  expect(bert.businessId).toBe(businessId);
  const asBert = await api.user("shop", "bert");
  const wanted = { name: "too much", role: "owner" as const };
  expect((await api.refused("api-keys.create", wanted, asBert)).code).toBe("forbidden");
  const { key } = await api.call("api-keys.create", { name: "bert" }, asBert);
  const as = { apiKey: key };
  expect((await api.call("auth.whoami", {}, as)).role).toBe("admin");
  await plane.stores.people.changeRole(businessId, bert.userId, "viewer");
  expect((await api.call("auth.whoami", {}, as)).role).toBe("viewer");
  expect((await api.refused("jobs.submit", JOB, as)).code).toBe("forbidden");
  // Owners see and end the keys of others; a viewer does neither.
  const all = await api.call("api-keys.list", { all: true, limit: 100 }, owner);
  expect(all.apiKeys.filter((one) => one.userName === "bert")).toMatchObject([{ name: "bert" }]);
  expect((await api.refused("api-keys.list", { all: true }, asBert)).code).toBe("forbidden");
  const annas = all.apiKeys.find((one) => one.userId === userId)?.apiKeyId ?? "";
  expect((await api.refused("api-keys.revoke", { apiKeyId: annas }, asBert)).code).toBe("forbidden");
  await plane.stores.people.leave(businessId, bert.userId, plane.now());
  expect((await api.refused("auth.whoami", {}, as)).code).toBe("unauthenticated");
  const left = await api.call("api-keys.list", { all: true, limit: 100 }, owner);
  expect(left.apiKeys.filter((one) => one.userName === "bert")).toEqual([]);
});

test("a key that has expired is refused, and a ticket that it got ends with it", async () => {
  const as = await keyWith({ expiresInSeconds: 60 });
  const { jobId } = await api.call("jobs.submit", JOB, as);
  const { tickets } = await api.call("jobs.wait-tickets", { jobIds: [jobId] }, as);
  const ticket = { token: tickets[0]?.ticket ?? "" };
  expect((await api.call("jobs.retrieve", { jobId }, ticket)).jobId).toBe(jobId);
  plane.pass(61);
  const refused = await api.refused("jobs.list", {}, as);
  expect(refused).toMatchObject({ code: "unauthenticated", detail: expect.stringContaining("expired at") });
  expect((await api.refused("jobs.retrieve", { jobId }, ticket)).status).toBe(401);
});

test("a stream that a key follows ends when the key is revoked", async () => {
  const as = await keyWith();
  const { jobId, apiKeyId = "" } = await api.call("jobs.submit", JOB, as);
  const stream = await api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, { headers: headersOf(as) });
  expect(stream.status).toBe(200);
  await api.call("api-keys.revoke", { apiKeyId }, owner);
  expect(await stream.text()).toContain("session_ended");
});

test("wrong, cut and foreign keys are refused alike", async () => {
  const { apiKey = "" } = await keyWith();
  const other = (await keyWith()).apiKey ?? "";
  const swapped = apiKey.slice(0, 12) + other.slice(12);
  for (const wrong of [
    swapped,
    `tnv_00000000${apiKey.slice(12)}`,
    apiKey.slice(0, -1),
    `${apiKey}A`,
    apiKey.toUpperCase(),
    "tnv_",
  ]) {
    const refused = await api.refused("jobs.list", {}, { apiKey: wrong });
    expect({ wrong, code: refused.code }).toEqual({ wrong, code: "unauthenticated" });
  }
  for (let i = 0; i < 20; i++) await api.refused("jobs.list", {}, { apiKey: swapped });
  await api.call("jobs.list", {}, { apiKey });
});

test("jobs beyond the hour's limit get 429 with what is left, in the headers of the drafts and of most clients", async () => {
  const as = await keyWith({ maxJobsPerHour: 3 });
  const first = await send("jobs.submit", JOB, as);
  expect(first.status).toBe(200);
  expect(first.headers.get("ratelimit-policy")).toBe('"jobs-per-hour";q=3;w=3600');
  expect(first.headers.get("ratelimit")).toMatch(/^"jobs-per-hour";r=2;t=\d+$/);
  expect(first.headers.get("ratelimit-remaining")).toBe("2");
  const jobs = Array.from({ length: 3 }, () => JOB);
  const batch = await send("jobs.submit-batch", { jobs }, as);
  expect(batch.status).toBe(429);
  await api.call("jobs.submit-batch", { jobs: jobs.slice(1) }, as);
  const refused = await send("jobs.submit", JOB, as);
  expect(refused.headers.get("ratelimit-limit")).toBe("3");
  expect(refused.headers.get("ratelimit-remaining")).toBe("0");
  const retryAfter = Number(refused.headers.get("retry-after"));
  expect(retryAfter).toBeWithin(3_500, 3_601);
  expect(Number(refused.headers.get("ratelimit-reset"))).toBe(retryAfter);
  expect(await readProblem(refused)).toMatchObject({ code: "rate_limited", status: 429 });
  plane.pass(retryAfter + 1);
  const later = await send("jobs.submit", JOB, as);
  expect(later.status).toBe(200);
});

test("a request that is repeated with its idempotency key counts once", async () => {
  const as = await keyWith({ maxJobsPerHour: 1 });
  const headers = { "idempotency-key": "once" };
  const ids = new Set<string>();
  for (let i = 0; i < 5; i++) ids.add((await api.call("jobs.submit", JOB, as, headers)).jobId);
  expect(ids.size).toBe(1);
  expect((await send("jobs.submit", JOB, as)).status).toBe(429);
});

test("an array counts as many as it has, and max-concurrent frees places when jobs end", async () => {
  const as = await keyWith({ maxConcurrent: 3 });
  expect((await send("jobs.submit", { ...JOB, array: "1-4" }, as)).status).toBe(429);
  const { jobId } = await api.call("jobs.submit", { ...JOB, array: "1-3" }, as);
  const refused = await send("jobs.submit", JOB, as);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBeTruthy();
  expect(refused.headers.get("ratelimit")).toBe('"concurrent-jobs";r=0');
  await api.call("jobs.cancel", { jobId }, as);
  await api.call("jobs.retrieve", { jobId, waitSeconds: 20 }, as);
  expect((await send("jobs.submit", JOB, as)).status).toBe(200);
});

test("a key makes only jobs of its types, in every way of making jobs", async () => {
  const as = await keyWith({ allowedJobTypes: ["DOCKER"] });
  const { templateId } = await api.call("templates.create", { name: "t", job: { command: "true" } }, owner);
  const schedule = await api.call("schedules.create", { cron: "0 0 1 1 *", job: JOB }, owner);
  const { jobId } = await api.call("jobs.submit", JOB, owner);
  await api.call("jobs.cancel", { jobId }, owner);
  for (const [id, input] of [
    ["jobs.submit", JOB],
    ["jobs.submit-batch", { jobs: [{ type: "DOCKER", image: "a" }, JOB] }],
    ["templates.run", { template: templateId }],
    ["schedules.create", { cron: "0 0 1 1 *", job: JOB }],
    ["schedules.run", { scheduleId: schedule.scheduleId }],
    ["jobs.retry", { jobId }],
    ["jobs.retry-matching", { status: ["CANCELLED"] }],
  ] as const) {
    const { code } = await api.refused(id, input, as);
    expect({ id, code }).toEqual({ id, code: "forbidden" });
  }
  await api.call("jobs.submit", { ...JOB, type: "DOCKER", image: "a" }, as);
});

test("templates, schedules and retries count like submits", async () => {
  const { templateId } = await api.call("templates.create", { name: "u", job: JOB }, owner);
  const { scheduleId } = await api.call("schedules.create", { cron: "0 0 1 1 *", job: JOB }, owner);
  const { jobId } = await api.call("jobs.submit", JOB, owner);
  await api.call("jobs.cancel", { jobId }, owner);
  const as = await keyWith({ maxJobsPerHour: 3 });
  const { jobId: made } = await api.call("templates.run", { template: templateId }, as);
  expect((await api.call("jobs.retrieve", { jobId: made }, as)).apiKeyId).toBe(as.apiKey?.slice(0, 12));
  const fire = await api.call("schedules.run", { scheduleId }, as);
  const fired = await api.call("jobs.retrieve", { jobId: fire.jobId ?? "" }, as);
  expect(fired.apiKeyId).toBe(as.apiKey?.slice(0, 12));
  await api.call("jobs.retry", { jobId }, as);
  await api.call("jobs.cancel", { jobId }, owner);
  for (const [id, input] of [
    ["templates.run", { template: templateId }],
    ["schedules.run", { scheduleId }],
    ["jobs.retry", { jobId }],
  ] as const) {
    const { code } = await api.refused(id, input, as);
    expect({ id, code }).toEqual({ id, code: "rate_limited" });
  }
  expect((await api.refused("jobs.retry", { jobId, withDependents: true }, as)).code).toBe("forbidden");
});

test("jobs of a schedule that a key made count for the key, and stop with it", async () => {
  const as = await keyWith({ maxJobsPerHour: 1 });
  const { scheduleId } = await api.call("schedules.create", { cron: "*/5 * * * *", job: JOB }, as);
  await api.call("jobs.submit", JOB, as);
  expect((await api.refused("schedules.run", { scheduleId }, as)).code).toBe("rate_limited");
  // Its person is not held back by the limits of the key, but the schedule still is the key's.
  const mine = await api.call("schedules.run", { scheduleId }, owner);
  expect(mine).toMatchObject({ status: "FAILED", message: expect.stringContaining("1 job an hour") });
  await api.call("api-keys.revoke", { apiKeyId: as.apiKey?.slice(0, 12) ?? "" }, owner);
  const after = await api.call("schedules.run", { scheduleId }, owner);
  expect(after).toMatchObject({ status: "FAILED", message: expect.stringContaining("was revoked") });
});

test("the last use of a key is listed", async () => {
  const as = await keyWith();
  const id = as.apiKey?.slice(0, 12);
  const lastUse = async () => {
    const { apiKeys } = await api.call("api-keys.list", { limit: 100 }, owner);
    return apiKeys.find(({ apiKeyId }) => apiKeyId === id)?.lastUsedAt;
  };
  expect(await lastUse()).toBeUndefined();
  await api.call("jobs.list", {}, as);
  expect(Date.parse((await lastUse()) ?? "")).toBeWithin(plane.now() - 60_000, plane.now() + 1);
});
