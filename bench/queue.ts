/**
 * Measures whether a long queue slows down dispatch: how long it takes to hand one job to a node with a thousand jobs
 * in the queue, and with a million. The measurements alternate, so that other load on the machine affects both.
 *
 *     bun run bench:queue                      on the embedded store
 *     bun run bench:queue --store mongodb      on a MongoDB replica set of one member, counting collection scans
 *     bun run bench:queue --jobs 100000        with fewer jobs
 */
import { parseArgs } from "node:util";
import { openSqliteStores } from "../server/compose/open-sqlite.ts";
import { openMongoStores } from "../server/compose/open-stores.ts";
import type { Stores } from "../server/compose/stores.ts";
import { applyReport } from "../server/execution/rules.ts";
import { newJob } from "../server/job/job-rules.ts";
import type { NodeRecord } from "../server/node/node-store.ts";
import { newId } from "../shared/ids.ts";
import { jobManifest } from "../shared/manifest.ts";
import { TestMongo } from "../tests/support/mongod.ts";
import { makeScratch } from "../tests/support/scratch.ts";
import { percentile } from "./figures.ts";

const FEW = 1_000;
const JOBS_PER_INSERT = 1_000;
const INSERTS_IN_FLIGHT = 4;
/** Spreads the jobs over this many queues: users times requirements. */
const USERS = 10;
const REQUIREMENTS = 4;
const DISPATCHES_PER_ROUND = 50;
const ROUNDS = 12;
const LEASE_MS = 30_000;
const AIM = 1.2;
const PROFILE_BYTES = 64 * 1024 * 1024;
const BUSINESS = "biz";

const { values } = parseArgs({
  options: { store: { type: "string", default: "sqlite" }, jobs: { type: "string", default: "1000000" } },
});

interface Queue {
  stores: Stores;
  node: NodeRecord;
  timesMs: number[];
}

await using opened = new AsyncDisposableStack();
const mongo = values.store === "mongodb" ? opened.use(await TestMongo.start()) : undefined;
const few = await openQueue("few", FEW);
const many = await openQueue("many", Number(values.jobs));
await profile(2);
// The first round warms up both.
for (let round = 0; round <= ROUNDS; round++) {
  for (const queue of [few, many]) await dispatchSome(queue, round > 0);
}
await profile(0);
const [fewMs, manyMs] = [percentile(few.timesMs, 50), percentile(many.timesMs, 50)];
const scans = await collectionScans();
console.log(`${FEW} queued: p50 ${fewMs.toFixed(2)} ms, p99 ${percentile(few.timesMs, 99).toFixed(2)} ms`);
console.log(
  `${values.jobs} queued: p50 ${manyMs.toFixed(2)} ms, p99 ${percentile(many.timesMs, 99).toFixed(2)} ms`,
);
console.log(`ratio of the two p50: ${(manyMs / fewMs).toFixed(2)} (aim: <= ${AIM})`);
if (mongo) console.log(`collection scans: ${scans.length}`);
for (const scan of scans) console.log(scan);
process.exitCode = manyMs / fewMs <= AIM && scans.length === 0 ? 0 : 1;

async function openQueue(name: string, count: number): Promise<Queue> {
  const scratch = opened.use(await makeScratch());
  const open = mongo ? openMongoStores(mongo.url(name)) : openSqliteStores(scratch.path);
  const stores = opened.adopt(await open, (one) => one.close());
  const node = nodeWithRoom();
  await stores.nodes.insert(node);
  await fill(stores, count);
  return { stores, node, timesMs: [] };
}

async function fill(stores: Stores, count: number): Promise<void> {
  const startedAtMs = performance.now();
  let made = 0;
  const insertSome = async () => {
    while (made < count) {
      const first = made;
      made += Math.min(JOBS_PER_INSERT, count - first);
      const jobs = Array.from({ length: made - first }, (_, i) => ({
        job: jobOf(first + i),
        idempotency: undefined,
      }));
      await stores.jobs.insert(jobs);
    }
  };
  await Promise.all(Array.from({ length: INSERTS_IN_FLIGHT }, insertSome));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  console.error(`${count} jobs inserted in ${seconds.toFixed(1)} s`);
}

/**
 * Takes jobs as a waiting node does: reads which queues exist, and takes one job. Each is done before the next begins.
 */
async function dispatchSome({ stores, node, timesMs }: Queue, isMeasured: boolean): Promise<void> {
  for (let i = 0; i < DISPATCHES_PER_ROUND; i++) {
    const nowMs = Date.now();
    const startedAtMs = performance.now();
    await stores.assignments.claimableRequirements(BUSINESS);
    const [assigned] = await stores.assignments.assign([
      { nodeId: node.nodeId, businessId: BUSINESS, limit: 1, nowMs, leaseExpiresAtMs: nowMs + LEASE_MS },
    ]);
    if (isMeasured) timesMs.push(performance.now() - startedAtMs);
    const executionId = assigned?.[0]?.execution.executionId;
    if (executionId === undefined) throw new Error("a waiting node got no job from a full queue");
    const at = new Date().toISOString();
    const report = { executionId, status: "SUCCEEDED" as const, at, exitCode: 0 };
    await stores.jobs.change([
      {
        key: { executionId, nodeId: node.nodeId },
        decide: (state) => applyReport(state, report, Date.now()),
      },
    ]);
  }
}

function jobOf(number: number) {
  const manifest = jobManifest.parse({
    command: ["true"],
    priority: number % 3,
    resources: { cpu: 1 + (number % REQUIREMENTS) },
  });
  return newJob({ businessId: BUSINESS, userId: `usr_${number % USERS}` }, manifest, {}, Date.now());
}

function nodeWithRoom(): NodeRecord {
  const nowMs = Date.now();
  return {
    nodeId: newId("node"),
    businessId: BUSINESS,
    userId: "usr",
    sessionId: newId("ses"),
    description: {
      name: "bench",
      labels: {},
      pool: "default",
      capacity: { cpu: 64, memoryMb: 65_536, gpuCount: 0, slots: 64 },
      jobTypes: ["COMMAND"],
      agentVersion: "0",
    },
    draining: false,
    offline: false,
    accessEnded: false,
    condition: { suspended: false },
    keyHash: "",
    lastHeartbeatAtMs: nowMs,
    createdAtMs: nowMs,
  };
}

async function profile(level: 0 | 2): Promise<void> {
  await mongo?.withClient(async (client) => {
    const db = client.db("many");
    if (level === 2) await db.createCollection("system.profile", { capped: true, size: PROFILE_BYTES });
    await db.command({ profile: level });
  });
}

async function collectionScans(): Promise<string[]> {
  if (!mongo) return [];
  return mongo.withClient(async (client) => {
    const profiled = client.db("many").collection("system.profile");
    const own = { ns: /\.compute_/ };
    if ((await profiled.countDocuments(own)) < ROUNDS * DISPATCHES_PER_ROUND) {
      throw new Error("the profiler saw fewer operations than there were");
    }
    const scans = profiled.find({ ...own, planSummary: /COLLSCAN/ });
    return scans.map(({ ns, op, command }) => JSON.stringify({ ns, op, command }).slice(0, 500)).toArray();
  });
}
