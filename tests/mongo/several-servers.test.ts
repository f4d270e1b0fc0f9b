import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Db } from "mongodb";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { MongoClaims } from "../../server/dispatch/claims.mongo.ts";
import { LEASE_MS } from "../../server/dispatch/dispatcher.ts";
import type { Assigned } from "../../server/execution/execution-store.ts";
import { applyReport } from "../../server/execution/rules.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { RecentJobs } from "../../server/job/recent-jobs.mongo.ts";
import type { NodeRecord } from "../../server/node/node-store.ts";
import { MongoStore } from "../../server/store/mongo.ts";
import { newId } from "../../shared/ids.ts";
import { packLines } from "../../shared/packed-lines.ts";
import { jobOf, nodeOf } from "../contract/control-plane.contract.ts";
import { TestMongo } from "../support/mongod.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const AT = new Date(AT_MS).toISOString();

const MEMBERS = 3;
/** So many that at least one report is decided while another server writes it. */
const REPORTED_JOBS = 20;
const NOT_PRIMARY = 10_107;
/** A primary that steps down is replaced within the election timeout of the test's replica set, plus some slack. */
const STEP_DOWN_MS = 60_000;

let mongo: TestMongo;
let one: Stores;
let two: Stores;
let businessId: string;

beforeAll(async () => {
  mongo = await TestMongo.start(MEMBERS);
  [one, two] = await Promise.all([
    openMongoStores(mongo.url("servers")),
    openMongoStores(mongo.url("servers")),
  ]);
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await mongo[Symbol.asyncDispose]();
});
beforeEach(() => {
  // Each test has its own business, and therefore its own queue.
  businessId = newId("biz");
});

test("two servers that claim at once hand out every job exactly once", async () => {
  await submit(400);
  const nodes = await register(20);
  const got: Assigned[] = [];
  for (let round = 0; round < 20 && got.length < 400; round++) {
    const claims = nodes.map((node, i) => assign(i % 2 === 0 ? one : two, node, 11));
    got.push(...(await Promise.all(claims)).flat());
  }
  expect(got.length).toBe(400);
  expect(new Set(got.map(({ job }) => job.jobId)).size).toBe(400);
  for (const { job, execution } of got) {
    expect(job).toMatchObject({ status: "ASSIGNED", attempt: 1, executionId: execution.executionId });
  }
});

test("two servers that fill one node at once never exceed its capacity", async () => {
  await submit(40, { resources: { cpu: 1, gpuCount: 1 } });
  const [node] = await register(1, { cpu: 6, gpuCount: 5 });
  const claims = Array.from({ length: 12 }, (_, i) => assign(i % 2 === 0 ? one : two, node, 3));
  const got = (await Promise.all(claims)).flat();
  expect(got.length).toBe(5);
  expect(got.flatMap(({ execution }) => execution.gpuIndexes).sort()).toEqual([0, 1, 2, 3, 4]);
});

test("of one report that reaches two servers many times, one is applied", async () => {
  for (const assigned of await running(REPORTED_JOBS)) {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => succeed(i % 2 === 0 ? one : two, assigned)),
    );
    expect(outcomes.filter((outcome) => outcome === "applied").length).toBe(1);
    expect(outcomes.filter((outcome) => outcome === "repeated").length).toBe(19);
  }
});

test("one idempotency key on two servers creates one job", async () => {
  const idempotency = { key: "k", bodyHash: "same" };
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      (i % 2 === 0 ? one : two).jobs.insert([{ job: jobOf(businessId), idempotency }]),
    ),
  );
  const kinds = outcomes.flat().map((outcome) => outcome.kind);
  expect(kinds.filter((kind) => kind === "created").length).toBe(1);
  expect(kinds.filter((kind) => kind === "existing").length).toBe(29);
});

test("a log that is sent to two servers is stored once and without gaps", async () => {
  const place = { businessId, jobId: newId("job"), executionId: newId("exe"), attempt: 1 };
  const lines = Array.from({ length: 200 }, (_, i) => ({
    seq: i + 1,
    stream: "stdout" as const,
    at: AT,
    text: String(i + 1),
  }));
  for (let sent = 0; sent < 200; sent += 20) {
    const batch = { ...place, ...packLines(lines.slice(Math.max(0, sent - 7), sent + 20)) };
    const stored = await Promise.all([one.logs.append([batch]), two.logs.append([batch])]);
    expect(stored).toEqual([[sent + 20], [sent + 20]]);
  }
  const found = await two.logs.read({ ...place, after: { attempt: 0, seq: 0 }, limit: 1_000 });
  expect(found.map((line) => line.text)).toEqual(lines.map((line) => line.text));
});

test("a server that starts while the members elect a primary waits for it", async () => {
  const notPrimary = { failCommands: ["find"], errorCode: NOT_PRIMARY };
  await mongo.failing(notPrimary, { times: 3 }, async () => {
    const store = await MongoStore.open(mongo.url("choosing"), [{ id: "one-1", apply: async () => {} }]);
    await store.close();
  });
});

test("a job whose server died in the middle of a claim goes back to its queue in seconds, and the node never gets the claim", async () => {
  const [kept, cancelled] = await submit(2);
  const [node] = await register(1);
  const begun = await claimed(node, [kept, cancelled]);
  const lost = begun.map(({ executionId }) => executionId);
  // The other write of the claim did not arrive.
  await inDatabase((db) => db.collection("compute_executions").deleteMany({ id: { $in: lost } }));
  expect(await assign(two, node, 5)).toEqual([]);
  await two.jobs.change([
    {
      key: { businessId, jobId: cancelled.jobId },
      decide: (state) => ({ job: state && { ...state.job, cancelRequestedAtMs: AT_MS }, result: undefined }),
    },
  ]);
  // Much shorter than the lease in which the node would have to start it.
  const marked = await inDatabase((db) => db.collection("compute_jobs").findOne({ job_id: kept.jobId }));
  const standsUntilMs = marked?.claim_expires_at ?? 0;
  expect(standsUntilMs - AT_MS).toBeWithin(1, LEASE_MS / 2);
  expect((await two.executions.nextDue()).leaseAtMs).toBeLessThanOrEqual(standsUntilMs);
  expect(await two.assignments.releaseOrphans(standsUntilMs - 1)).toEqual([]);
  const released = await two.assignments.releaseOrphans(standsUntilMs);
  expect(released.map((job) => job.status).sort()).toEqual(["CANCELLED", "QUEUED"]);
  const got = await assign(two, node, 5);
  expect(got.map(({ job }) => [job.jobId, job.attempt])).toEqual([[kept.jobId, 1]]);
  // The server was not dead, only slow.
  const late = { executionId: lost[0] ?? "", nodeId: node.nodeId };
  expect(await report(one, late, "RUNNING")).toBe("stale");
});

test("a job that was cancelled before its claim is undone holds no place any more, in its group or of its key", async () => {
  const key = { businessId, group: "narrow" };
  const inGroup = () => jobOf(businessId, { concurrency: { group: key.group, limit: 1 } });
  const cancelled = { ...inGroup(), apiKeyId: newId("key") };
  const waiting = { ...inGroup(), gate: "group" as const };
  await one.jobs.insert([cancelled, waiting].map((job) => ({ job, idempotency: undefined })));
  const [node] = await register(1);
  const [claim] = await claimed(node, [cancelled]);
  await inDatabase((db) => db.collection("compute_executions").deleteMany({ id: claim?.executionId }));
  expect(await two.flow.admit(key, () => true)).toEqual([]);
  await two.jobs.change([
    {
      key: { businessId, jobId: cancelled.jobId },
      decide: (state) => ({ job: state && { ...state.job, cancelRequestedAtMs: AT_MS }, result: undefined }),
    },
  ]);
  const [released] = await two.assignments.releaseOrphans(AT_MS + LEASE_MS);
  expect(released?.status).toBe("CANCELLED");
  expect(await two.flow.admit(key, () => true)).toMatchObject([{ jobId: waiting.jobId }]);
  const open = { open_key: cancelled.apiKeyId };
  expect(await inDatabase((db) => db.collection("compute_jobs").countDocuments(open))).toBe(0);
});

test("a claim whose server died after it was written stays, and only its lease counts", async () => {
  const [job] = await submit(1);
  const [node] = await register(1);
  const [claim] = await claimed(node, [job]);
  expect(await two.assignments.releaseOrphans(AT_MS + LEASE_MS)).toEqual([]);
  expect(await two.assignments.releaseOrphans(AT_MS + LEASE_MS)).toEqual([]);
  const [live] = await two.executions.live({ nodeId: node.nodeId });
  const leaseExpiresAtMs = AT_MS + LEASE_MS;
  const { executionId = "" } = claim ?? {};
  expect(live?.execution).toMatchObject({ executionId, status: "ASSIGNED", leaseExpiresAtMs });
  expect(await report(two, { executionId, nodeId: node.nodeId }, "RUNNING")).toBe("applied");
});

test("an execution that no job names ends when live executions are read, and its node has room again", async () => {
  const [job, next] = await submit(2);
  const [node] = await register(1, { slots: 1 });
  await claimed(node, [job]);
  await inDatabase((db) =>
    db
      .collection("compute_jobs")
      .updateOne(
        { job_id: job.jobId },
        { $set: { status: "CANCELLED" }, $unset: { execution_id: "", run: "", claim_expires_at: "" } },
      ),
  );
  expect(await assign(two, node, 1)).toEqual([]);
  expect(await two.executions.live({ nodeId: node.nodeId })).toEqual([]);
  expect((await assign(two, node, 1)).map((one) => one.job.jobId)).toEqual([next.jobId]);
});

test("a server that dies between the end of a job and the copy of it leaves an execution that is put right when it is read", async () => {
  const [work] = await running(1);
  const { executionId, nodeId } = work.execution;
  const copy = await inDatabase((db) => db.collection("compute_executions").findOne({ id: executionId }));
  expect(await succeed(one, work)).toBe("applied");
  await inDatabase((db) => db.collection("compute_executions").replaceOne({ id: executionId }, copy ?? {}));
  expect(await succeed(two, work)).toBe("repeated");
  expect(await two.executions.live({ nodeId })).toEqual([]);
  expect((await two.executions.find(businessId, executionId))?.status).toBe("SUCCEEDED");
  expect(await two.integrity.executionsWithoutJob(1)).toEqual([]);
});

test("a write whose response is lost is applied once, and a write that fails is storage_failed and not applied at all", async () => {
  const [first, second] = await running(2);
  await mongo.failing({ failCommands: ["insert"], closeConnection: true }, { times: 1 }, () => submit(1));
  await mongo.failing({ failCommands: ["update"], closeConnection: true }, { times: 1 }, async () => {
    expect(await succeed(one, first)).toBe("applied");
  });
  await mongo.failing({ failCommands: ["update", "insert"], errorCode: 8 }, "alwaysOn", async () => {
    for (const refused of [submit(1), succeed(one, second)]) {
      expect(await refused.catch((error) => error.code)).toBe("storage_failed");
    }
  });
  expect(await succeed(two, second)).toBe("applied");
  expect((await list()).map((job) => job.status)).toEqual(["QUEUED", "SUCCESS", "SUCCESS"]);
});

test(
  "while the primary steps down nothing acknowledged is lost and no result is applied twice",
  async () => {
    const works = await running(60);
    const outcomes = works.map((work, i) => untilAnswered(() => succeed(i % 2 === 0 ? one : two, work)));
    const submits = works.map(() => untilAnswered(() => submit(1)));
    await stepDown();
    // A result that was applied before its response was lost is answered as a repeat.
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatch(/^(applied|repeated)$/);
    await Promise.all(submits);
    const ended = (await list()).filter((job) => works.some((work) => work.job.jobId === job.jobId));
    expect(ended.map((job) => [job.status, job.attempt])).toEqual(works.map(() => ["SUCCESS", 1]));
  },
  STEP_DOWN_MS * 2,
);

async function submit(count: number, manifest: Parameters<typeof jobOf>[1] = {}) {
  const jobs = Array.from({ length: count }, () => jobOf(businessId, manifest));
  await one.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
  return jobs as [(typeof jobs)[0], (typeof jobs)[0], ...typeof jobs];
}

async function register(count: number, capacity: Parameters<typeof nodeOf>[1] = {}) {
  const nodes = Array.from({ length: count }, () => nodeOf(businessId, capacity));
  await Promise.all(nodes.map((node) => one.nodes.insert(node)));
  return nodes as [NodeRecord, ...NodeRecord[]];
}

function requestFor({ nodeId }: NodeRecord, limit: number) {
  return { nodeId, businessId, limit, nowMs: AT_MS, leaseExpiresAtMs: AT_MS + 1 };
}

async function assign(server: Stores, node: NodeRecord, limit: number): Promise<Assigned[]> {
  const [assigned] = await server.assignments.assign([requestFor(node, limit)]);
  return assigned ?? [];
}

/** Claims these jobs for the node like a server that goes no further. */
async function claimed(node: NodeRecord, jobs: readonly JobRecord[]) {
  const store = await MongoStore.open(mongo.url("servers"), []);
  const claims = jobs.map((job) => ({
    executionId: newId("exe"),
    jobId: job.jobId,
    queue: `${businessId}/${job.queueKey}`,
    request: { ...requestFor(node, 1), leaseExpiresAtMs: AT_MS + LEASE_MS },
    gpuIndexes: [],
  }));
  const writer = new MongoClaims(store, new RecentJobs());
  expect((await writer.claim(await writer.draft(claims))).size).toBe(jobs.length);
  await store.close();
  return claims;
}

function inDatabase<T>(body: (db: Db) => Promise<T>): Promise<T> {
  return mongo.withClient((client) => body(client.db("servers")));
}

async function running(count: number) {
  await submit(count);
  const [node] = await register(1, { slots: count });
  const works = await assign(one, node, count);
  expect(works.length).toBe(count);
  return works as [Assigned, Assigned, ...Assigned[]];
}

function succeed(server: Stores, { execution }: Assigned) {
  return report(server, execution, "SUCCEEDED");
}

async function report(
  server: Stores,
  { executionId, nodeId }: Pick<Assigned["execution"], "executionId" | "nodeId">,
  status: "RUNNING" | "SUCCEEDED",
) {
  const report = { executionId, status, at: AT, exitCode: status === "RUNNING" ? undefined : 0 };
  const [reported] = await server.jobs.change([
    { key: { executionId, nodeId }, decide: (state) => applyReport(state, report, AT_MS) },
  ]);
  return reported?.outcome;
}

function list() {
  const query = { businessId, status: undefined, name: undefined, labels: undefined };
  return two.jobs.list({ ...query, beforeJobId: undefined, limit: 1_000 });
}

/** Repeats the call until the store has answered, as an agent does. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + STEP_DOWN_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: string }).code !== "storage_failed" || performance.now() > deadlineMs)
        throw error;
      await Bun.sleep(50);
    }
  }
}

async function stepDown(): Promise<void> {
  await mongo.withClient((client) =>
    client.db("admin").command({ replSetStepDown: 5, secondaryCatchUpPeriodSecs: 3, force: true }),
  );
}
