import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Db } from "mongodb";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { MongoAssignStore } from "../../server/dispatch/assign-store.mongo.ts";
import type { AssignRequest, Offer } from "../../server/dispatch/assign-store.ts";
import type { Assigned } from "../../server/execution/execution-store.ts";
import { MAX_CLAIM_MS } from "../../server/job/execution-copies.mongo.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { type NodeRecord, speakerOf } from "../../server/node/node-store.ts";
import { newId } from "../../shared/ids.ts";
import { jobOf, nodeOf } from "../contract/control-plane.contract.ts";
import { TestMongo } from "../support/mongod.ts";
import { waitFor } from "../support/wait.ts";

const DATABASE = "placement";
const SLOTS = 2;
/** Makes MongoDB write every command down. */
const ALL_COMMANDS = { profile: 2 };
/** So slow that another server has decided meanwhile. */
const SLOW_EXECUTIONS = {
  failCommands: ["insert"],
  namespace: `${DATABASE}.compute_executions`,
  blockConnection: true,
  blockTimeMS: 1_000,
};

let mongo: TestMongo;
let one: Stores;
let two: Stores;
let businessId: string;
/** The nodes that wait at server `one`. */
let waiting: NodeRecord[];
/** How many each of them has. */
let freeSlots: number;
/** What each of them got, and whether there may be more, for every offer that was closed. */
let closed: { assigned: string[][]; isMore: boolean }[];

beforeAll(async () => {
  mongo = await TestMongo.start();
  [one, two] = await Promise.all([
    openMongoStores(mongo.url(DATABASE)),
    openMongoStores(mongo.url(DATABASE)),
  ]);
  await inDatabase((db) => db.command(ALL_COMMANDS));
  one.assignments.useOffers?.(offerOf);
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await mongo[Symbol.asyncDispose]();
});
beforeEach(() => {
  businessId = newId("biz");
  waiting = [];
  freeSlots = SLOTS;
  closed = [];
});

test("a job for which a node waits is the node's from the start, without a read and in one round of writes", async () => {
  const node = await waitingNode();
  const before = (await commandsSoFar()).length;
  const job = await submit(one);
  const commands = (await commandsSoFar()).slice(before);
  expect(commands.sort()).toEqual([
    "insert compute_executions",
    "insert compute_jobs",
    "update compute_nodes",
  ]);
  expect(job).toMatchObject({ status: "ASSIGNED", nodeId: node.nodeId, attempt: 1 });
  expect(closed).toEqual([{ assigned: [[job.jobId]], isMore: false }]);
  expect(await two.jobs.find(businessId, job.jobId)).toEqual(job);
  const live = await two.executions.live({ nodeId: node.nodeId });
  expect(live.map(({ execution }) => execution.executionId)).toEqual([job.executionId ?? ""]);
});

test("a node keeps a free slot for a job that comes first", async () => {
  const node = await waitingNode();
  freeSlots = 1;
  const first = await submit(two, { priority: 10 });
  const second = await submit(one);
  expect(second.status).toBe("QUEUED");
  expect(await assign(one, node, freeSlots)).toEqual([first.jobId]);
});

test("a job that takes more than a slot goes to the queue", async () => {
  await waitingNode();
  expect((await submit(one, { resources: { cpu: 1 } })).status).toBe("QUEUED");
  expect((await submit(one, { notBefore: "+1h" })).status).toBe("QUEUED");
});

test("a node never gets more than it has slots, although another server filled it since it was looked at", async () => {
  const node = await waitingNode();
  await submit(two);
  await submit(two);
  expect((await assign(two, node, SLOTS)).length).toBe(SLOTS);
  const job = await submit(one);
  expect(job.status).toBe("QUEUED");
  expect(closed).toEqual([{ assigned: [[]], isMore: true }]);
  expect(await assign(one, node, SLOTS)).toEqual([]);
  expect((await two.executions.live({ nodeId: node.nodeId })).length).toBe(SLOTS);
});

test.each([
  ["was drained", { draining: true }],
  ["another agent speaks for", { keyHash: "other" }],
])("a node that %s in between gets nothing", async (_, change) => {
  const node = await waitingNode();
  await two.nodes.update(businessId, node.nodeId, change);
  expect((await submit(one)).status).toBe("QUEUED");
});

test("a node that got jobs through the queue is not taken for the one that was looked at before", async () => {
  const node = await waitingNode();
  await submit(two);
  expect((await assign(one, node, 1)).length).toBe(1);
  expect((await submit(one)).status).toBe("QUEUED");
  // Nothing was written for it that had to be undone.
  expect(closed).toEqual([{ assigned: [], isMore: false }]);
});

test("a job that is submitted again is not handed out again, and holds nothing on the node", async () => {
  const node = await waitingNode();
  const idempotency = { key: "k", bodyHash: "same" };
  const [first] = await one.jobs.insert([{ job: jobOf(businessId), idempotency }]);
  waiting = [];
  const other = await waitingNode();
  const [second] = await one.jobs.insert([{ job: jobOf(businessId), idempotency }]);
  expect(first?.kind).toBe("created");
  expect(second?.kind).toBe("existing");
  expect(closed.at(-1)).toEqual({ assigned: [[]], isMore: true });
  expect((await two.executions.live({ nodeId: node.nodeId })).length).toBe(1);
  expect(await two.executions.live({ nodeId: other.nodeId })).toEqual([]);
});

test("if the execution cannot be written the job goes to the queue, and if the job cannot be written nothing is left", async () => {
  const node = await waitingNode();
  const refuse = (collection: string) => ({
    failCommands: ["insert"],
    namespace: `${DATABASE}.${collection}`,
    errorCode: 8,
  });
  await mongo.failing(refuse("compute_executions"), "alwaysOn", async () => {
    expect((await submit(one)).status).toBe("QUEUED");
  });
  expect((await assign(two, node, SLOTS)).length).toBe(1);
  waiting = [];
  const other = await waitingNode();
  await mongo.failing(refuse("compute_jobs"), "alwaysOn", async () => {
    expect(await submit(one).catch((error) => error.code)).toBe("storage_failed");
  });
  await waitFor("the offer to be closed", () => closed.length === 2);
  expect(closed.at(-1)).toEqual({ assigned: [[]], isMore: true });
  expect(await two.executions.live({ nodeId: other.nodeId })).toEqual([]);
});

test("a placement that is given up while it is written leaves nothing on the node", async () => {
  const node = await waitingNode();
  const placement = (one.assignments as MongoAssignStore).placer.begin([jobOf(businessId)]);
  await mongo.failing(SLOW_EXECUTIONS, { times: 1 }, async () => {
    placement?.write();
    await placement?.end(new Set());
  });
  expect(closed).toEqual([{ assigned: [[]], isMore: true }]);
  expect(await two.executions.live({ nodeId: node.nodeId })).toEqual([]);
});

test("a job that went to the queue is handed out by the server that created it at once", async () => {
  const node = await waitingNode();
  await two.nodes.update(businessId, node.nodeId, { draining: true });
  const job = await submit(one);
  await two.nodes.update(businessId, node.nodeId, { draining: false });
  const before = (await commandsSoFar()).length;
  expect(await assign(one, node, SLOTS)).toEqual([job.jobId]);
  const commands = (await commandsSoFar()).slice(before);
  expect(commands.filter((command) => command === "update compute_jobs")).toHaveLength(1);
});

test("another server counts what is on its way to a node, and only that", async () => {
  const node = await waitingNode();
  await submit(two);
  await submit(two);
  let placed: Promise<JobRecord> | undefined;
  await mongo.failing(SLOW_EXECUTIONS, { times: 1 }, async () => {
    placed = submit(one);
    await waitFor("room to be reserved", async () => (await reservedOn(node)).length === 1);
    expect((await assign(two, node, SLOTS)).length).toBe(1);
  });
  expect((await placed)?.status).toBe("ASSIGNED");
  expect(await assign(two, node, SLOTS)).toEqual([]);
  expect((await two.executions.live({ nodeId: node.nodeId })).length).toBe(SLOTS);
});

test("room that was reserved for a claim that never came is free again as soon as that is sure", async () => {
  const node = await register();
  const jobs = [await submit(two), await submit(two), await submit(two)];
  const [claimed] = jobs as [JobRecord];
  await reserve(node, claimed, 1);
  expect((await assign(two, node, SLOTS)).length).toBe(1);
  const other = await register();
  await reserve(other, claimed, 7);
  expect((await assign(two, other, SLOTS)).length).toBe(SLOTS);
});

test("room that was reserved by a server that died is free again when its claim is over", async () => {
  const node = await register();
  const [claimed] = [await submit(two), await submit(two)];
  await reserve(node, claimed, 1);
  const [late = []] = await two.assignments.assign([requestFor(node, SLOTS, Date.now() + MAX_CLAIM_MS)]);
  expect(late.length).toBe(SLOTS);
});

test("a node does not leave while a job is on its way to it", async () => {
  const node = await register();
  const job = await submit(two);
  await reserve(node, job, 1);
  const left = two.nodes.leave(businessId, node.nodeId, speakerOf(node));
  let isDecided = false;
  left.then(() => {
    isDecided = true;
  });
  await one.nodes.find(businessId, node.nodeId);
  expect(isDecided).toBe(false);
  await inDatabase((db) =>
    db.collection("compute_jobs").updateOne({ job_id: job.jobId }, { $inc: { version: 1 } }),
  );
  expect(await left).toBe(true);
});

function offerOf(): Offer | undefined {
  if (waiting.length === 0) return undefined;
  return {
    requests: waiting.map((node) => ({ ...requestFor(node, freeSlots), by: speakerOf(node) })),
    close: (assigned, isMore) => closed.push({ assigned: assigned.map(idsOf), isMore }),
  };
}

/** A node that waits at server `one`, which has found nothing for it and has prepared it for what comes. */
async function waitingNode(): Promise<NodeRecord> {
  const node = await register();
  const before = (await commandsSoFar()).length;
  expect(await assign(one, node, SLOTS)).toEqual([]);
  await waitFor("the node to be prepared", async () => {
    return (await commandsSoFar()).slice(before).includes("query compute_executions");
  });
  // The answer to the last read is here before that to another.
  await one.nodes.find(businessId, node.nodeId);
  waiting.push(node);
  return node;
}

async function register(): Promise<NodeRecord> {
  const node = nodeOf(businessId, { slots: SLOTS });
  await one.nodes.insert(node);
  return node;
}

/** Resolves with the job as the store says it is now. */
async function submit(server: Stores, manifest: Parameters<typeof jobOf>[1] = {}): Promise<JobRecord> {
  const made = jobOf(businessId, manifest);
  const notBeforeMs = manifest.notBefore && Date.now() + 3_600_000;
  const job = { ...made, ...(notBeforeMs && { notBeforeMs }) };
  const [outcome] = await server.jobs.insert([{ job, idempotency: undefined }]);
  if (outcome?.kind !== "created") throw new Error(`the job was not created: ${outcome?.kind}`);
  return outcome.job;
}

function requestFor({ nodeId }: NodeRecord, limit: number, nowMs = Date.now()): AssignRequest {
  return { nodeId, businessId, limit, nowMs, leaseExpiresAtMs: nowMs + MAX_CLAIM_MS };
}

async function assign(server: Stores, node: NodeRecord, limit: number): Promise<string[]> {
  const [assigned = []] = await server.assignments.assign([requestFor(node, limit)]);
  return idsOf(assigned);
}

function idsOf(assigned: readonly Assigned[]): string[] {
  return assigned.map(({ job }) => job.jobId);
}

/** Reserves room on the node like a server that goes no further. */
async function reserve({ nodeId }: NodeRecord, { jobId }: JobRecord, jobVersion: number): Promise<void> {
  const room = {
    execution_id: newId("exe"),
    job_id: jobId,
    job_version: jobVersion,
    resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
    gpu_indexes: [],
    assigned_at: Date.now(),
  };
  const changes = { $set: { assign_stamp: crypto.randomUUID(), reserved: [room] } };
  await inDatabase((db) => db.collection("compute_nodes").updateOne({ node_id: nodeId }, changes));
}

async function reservedOn({ nodeId }: NodeRecord): Promise<unknown[]> {
  const node = await inDatabase((db) => db.collection("compute_nodes").findOne({ node_id: nodeId }));
  return node?.reserved ?? [];
}

/** Such as `update compute_jobs`, in order. */
async function commandsSoFar(): Promise<string[]> {
  const commands = await inDatabase((db) => db.collection("system.profile").find().toArray());
  return commands
    .map(({ op, ns }) => `${op} ${String(ns).split(".")[1]}`)
    .filter((c) => !c.includes("system"));
}

function inDatabase<T>(body: (db: Db) => Promise<T>): Promise<T> {
  return mongo.withClient((client) => body(client.db(DATABASE)));
}
