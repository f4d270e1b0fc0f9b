import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Db } from "mongodb";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { Assigned } from "../../server/execution/execution-store.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { NodeRecord } from "../../server/node/node-store.ts";
import { newId } from "../../shared/ids.ts";
import { jobOf, nodeOf } from "../contract/control-plane.contract.ts";
import { TestMongo } from "../support/mongod.ts";
import { waitFor } from "../support/wait.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const SLOTS = 4;
/** Makes MongoDB write every command down. */
const ALL_COMMANDS = { profile: 2 };

let mongo: TestMongo;
let one: Stores;
let two: Stores;
let businessId: string;

beforeAll(async () => {
  mongo = await TestMongo.start();
  [one, two] = await Promise.all([openMongoStores(mongo.url("fresh")), openMongoStores(mongo.url("fresh"))]);
  await inDatabase((db) => db.command(ALL_COMMANDS));
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await mongo[Symbol.asyncDispose]();
});
beforeEach(() => {
  businessId = newId("biz");
});

test("a job that was created here goes to a waiting node without a read", async () => {
  const node = await waitingNode();
  const job = await submit(one);
  const before = await commandsSoFar();
  expect(await assign(one, node, SLOTS)).toEqual([job.jobId]);
  const commands = (await commandsSoFar()).slice(before.length);
  expect(commands.sort()).toEqual([
    "insert compute_executions",
    "update compute_jobs",
    "update compute_nodes",
  ]);
});

test("a node never gets more than it has slots, although another server filled it since it was looked at", async () => {
  const node = await waitingNode();
  for (let i = 0; i < SLOTS; i++) await submit(two);
  expect((await assign(two, node, SLOTS)).length).toBe(SLOTS);
  await submit(one);
  expect(await assign(one, node, SLOTS)).toEqual([]);
});

test("a job that another server took in between is handed out once", async () => {
  const [node, other] = [await waitingNode(), await waitingNode()];
  const job = await submit(one);
  expect(await assign(two, other, SLOTS)).toEqual([job.jobId]);
  expect(await assign(one, node, SLOTS)).toEqual([]);
});

test("a job that was cancelled in between is not handed out", async () => {
  const node = await waitingNode();
  const { jobId } = await submit(one);
  await two.jobs.change([
    {
      key: { businessId, jobId },
      decide: (state) => ({ job: state && { ...state.job, status: "CANCELLED" }, result: undefined }),
    },
  ]);
  expect(await assign(one, node, SLOTS)).toEqual([]);
});

test("a job of another server that comes first gets the last slot", async () => {
  const node = await waitingNode();
  const first = await submit(two, { priority: 10 });
  await submit(one);
  expect(await assign(one, node, 1)).toEqual([first.jobId]);
});

test("a node that can run none of the new jobs gets one of another server", async () => {
  const [able, other] = [await waitingNode(), await waitingNode({ zone: "b" })];
  const elsewhere = await submit(two, { labels: { zone: "b" } });
  const here = await submit(one);
  const [forAble, forOther] = await one.assignments.assign([
    requestFor(able, SLOTS),
    requestFor(other, SLOTS),
  ]);
  const given = [...idsOf(forAble), ...idsOf(forOther)].sort();
  expect(given).toEqual([here.jobId, elsewhere.jobId].sort());
  expect(idsOf(forOther)).toContain(elsewhere.jobId);
});

test("a node that was drained in between gets nothing", async () => {
  const node = await waitingNode();
  await submit(one);
  await two.nodes.update(businessId, node.nodeId, { draining: true });
  expect(await assign(one, node, SLOTS)).toEqual([]);
});

/** A node for which server `one` has found nothing, and that it has prepared for what comes. */
async function waitingNode(labels: NodeRecord["description"]["labels"] = {}): Promise<NodeRecord> {
  const made = nodeOf(businessId, { slots: SLOTS });
  const node = { ...made, description: { ...made.description, labels } };
  await one.nodes.insert(node);
  const before = await commandsSoFar();
  expect(await assign(one, node, SLOTS)).toEqual([]);
  await waitFor("the node to be prepared", async () => {
    return (await commandsSoFar()).slice(before.length).includes("query compute_executions");
  });
  // The answer to the last read is here before that to another.
  await one.nodes.find(businessId, node.nodeId);
  return node;
}

/** Such as `update compute_jobs`, in order. */
async function commandsSoFar(): Promise<string[]> {
  const commands = await inDatabase((db) => db.collection("system.profile").find().toArray());
  return commands
    .map(({ op, ns }) => `${op} ${String(ns).split(".")[1]}`)
    .filter((c) => !c.includes("system"));
}

function inDatabase<T>(body: (db: Db) => Promise<T>): Promise<T> {
  return mongo.withClient((client) => body(client.db("fresh")));
}

async function submit(server: Stores, manifest: Parameters<typeof jobOf>[1] = {}): Promise<JobRecord> {
  const job = jobOf(businessId, manifest);
  await server.jobs.insert([{ job, idempotency: undefined }]);
  return job;
}

function requestFor({ nodeId }: NodeRecord, limit: number) {
  return { nodeId, businessId, limit, nowMs: AT_MS, leaseExpiresAtMs: AT_MS + 1 };
}

async function assign(server: Stores, node: NodeRecord, limit: number): Promise<string[]> {
  const [assigned = []] = await server.assignments.assign([requestFor(node, limit)]);
  return idsOf(assigned);
}

function idsOf(assigned: readonly Assigned[] = []): string[] {
  return assigned.map(({ job }) => job.jobId);
}
