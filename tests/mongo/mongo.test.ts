import { afterAll, beforeAll, expect, test } from "bun:test";
import { MongoClient } from "mongodb";
import type { Seal } from "../../server/auth/seal.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { newJob } from "../../server/job/job-rules.ts";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { aheadContract } from "../contract/ahead.contract.ts";
import { allowContract } from "../contract/allow.contract.ts";
import { apiKeyStoreContract } from "../contract/api-key-store.contract.ts";
import { artifactStoreContract } from "../contract/artifact-store.contract.ts";
import { auditStoreContract } from "../contract/audit-store.contract.ts";
import { blobIndexContract } from "../contract/blob-index.contract.ts";
import { blobStoreContract, type OpenedBlobs } from "../contract/blob-store.contract.ts";
import { checkFilesContract } from "../contract/check-files.contract.ts";
import { clockContract } from "../contract/clock.contract.ts";
import { controlPlaneContract } from "../contract/control-plane.contract.ts";
import { creditStoreContract } from "../contract/credit-store.contract.ts";
import { enrolmentStoreContract } from "../contract/enrolment-store.contract.ts";
import { grantStoreContract } from "../contract/grant-store.contract.ts";
import { integrityStoreContract } from "../contract/integrity-store.contract.ts";
import { invitationStoreContract } from "../contract/invitation-store.contract.ts";
import { jobFlowContract } from "../contract/job-flow.contract.ts";
import { jobGroupsContract } from "../contract/job-groups.contract.ts";
import { jobInputsContract } from "../contract/job-inputs.contract.ts";
import { jobRetryContract } from "../contract/job-retry.contract.ts";
import { keyLimitsContract } from "../contract/key-limits.contract.ts";
import { logStoreContract } from "../contract/log-store.contract.ts";
import { manyJobsContract } from "../contract/many-jobs.contract.ts";
import { nodeStoreContract } from "../contract/node-store.contract.ts";
import { personStoreContract } from "../contract/person-store.contract.ts";
import { retentionStoreContract } from "../contract/retention-store.contract.ts";
import { runStoreContract } from "../contract/run-store.contract.ts";
import { scheduleStoreContract } from "../contract/schedule-store.contract.ts";
import { sealedSecretsContract } from "../contract/sealed-secrets.contract.ts";
import { secretStoreContract } from "../contract/secret-store.contract.ts";
import { sessionStoreContract } from "../contract/session-store.contract.ts";
import { signInStoresContract } from "../contract/sign-in-stores.contract.ts";
import { statsStoreContract } from "../contract/stats-store.contract.ts";
import { templateStoreContract } from "../contract/template-store.contract.ts";
import { trashStoreContract } from "../contract/trash-store.contract.ts";
import { visitStoreContract } from "../contract/visit-store.contract.ts";
import { TestMongo } from "../support/mongod.ts";

const DATABASE = "contract";
/** Marks the queries that the test itself sends to the database. */
const OWN = "of the test";
const PROFILE_BYTES = 128 * 1024 * 1024;

let mongo: TestMongo;
let observer: MongoClient;

beforeAll(async () => {
  mongo = await TestMongo.start();
  observer = new MongoClient(mongo.url(DATABASE));
  await (await openMongoStores(mongo.url(DATABASE))).close();
  const db = observer.db(DATABASE);
  await db.createCollection("system.profile", { capped: true, size: PROFILE_BYTES });
  await db.command({ profile: 2 });
});
afterAll(async () => {
  await observer.close();
  await mongo[Symbol.asyncDispose]();
});

controlPlaneContract("MongoDB", openEmpty);
aheadContract("MongoDB", openEmpty);
allowContract("MongoDB", openEmpty);
manyJobsContract("MongoDB", openEmpty);
jobFlowContract("MongoDB", openEmpty);
jobGroupsContract("MongoDB", openEmpty);
jobInputsContract("MongoDB", openEmpty);
jobRetryContract("MongoDB", openEmpty, 1_000);
nodeStoreContract("MongoDB", openEmpty);
keyLimitsContract("MongoDB", openEmpty);
apiKeyStoreContract("MongoDB", () => openOne((stores) => stores.apiKeys));
templateStoreContract("MongoDB", () => openOne((stores) => stores.templates));
blobIndexContract("MongoDB", () => openOne((stores) => stores.artifacts));
artifactStoreContract("MongoDB", () => openOne((stores) => stores.artifacts));
logStoreContract("MongoDB", () => openOne((stores) => stores.logs));
creditStoreContract("MongoDB", openTwoCredits);
integrityStoreContract("MongoDB", openEmpty);
checkFilesContract("MongoDB", openEmpty);
retentionStoreContract("MongoDB", openEmpty);
statsStoreContract("MongoDB", openEmpty);
trashStoreContract("MongoDB", openEmpty);
auditStoreContract("MongoDB", () => openOne((stores) => stores.audit));
enrolmentStoreContract("MongoDB", () => openOne((stores) => stores.enrolments));
runStoreContract("MongoDB", () => openOne((stores) => stores.runs));
secretStoreContract("MongoDB", () => openOne((stores) => stores.secrets));
signInStoresContract("MongoDB", openEmpty);
personStoreContract("MongoDB", openEmpty);
invitationStoreContract("MongoDB", openEmpty);
visitStoreContract("MongoDB", openEmpty);
grantStoreContract("MongoDB", () => openOne((stores) => stores.grants));
sessionStoreContract("MongoDB", () => openOne((stores) => stores.sessions));
sealedSecretsContract("MongoDB", async () => {
  const { close } = await openEmpty();
  await close();
  const open = async (seal: Seal) => {
    const { sessions, close } = await openMongoStores(mongo.url(DATABASE), seal);
    return { sessions, [Symbol.asyncDispose]: close };
  };
  return { open, [Symbol.asyncDispose]: async () => undefined };
});
scheduleStoreContract("MongoDB", async () => [await openEmpty(), await openMongoStores(mongo.url(DATABASE))]);
clockContract("MongoDB", async () => [await openEmpty(), await openMongoStores(mongo.url(DATABASE))]);
blobStoreContract("GridFS", openGridFs);

test("no query of the suite above scanned a collection", async () => {
  const db = observer.db(DATABASE);
  await db.command({ profile: 0 });
  const own = { "command.comment": { $ne: OWN }, ns: { $regex: "\\.compute_" } };
  const profiled = db.collection("system.profile");
  expect(await profiled.countDocuments(own)).toBeGreaterThan(500);
  // The driver's first look at a bucket: whether it has any file. It reads one.
  const firstLook = { ns: /\.files$/, "command.filter": {}, "command.limit": 1 };
  const scans = profiled.find({ ...own, planSummary: /COLLSCAN/, $nor: [firstLook] });
  expect(await scans.map(({ ns, op, command }) => JSON.stringify({ ns, op, command })).toArray()).toEqual([]);
});

test("container jobs of an older release that shared a queue share it only with jobs that ask for the same", async () => {
  const db = observer.db("older");
  const older = await openMongoStores(mongo.url("older"));
  const by = { businessId: newId("biz"), userId: newId("usr") };
  const container = (...mounts: string[]) =>
    jobManifest.parse({
      type: "DOCKER",
      image: "a",
      docker: { mounts: mounts.map((source) => ({ type: "bind", source, target: "/x" })) },
    });
  const jobs = [container("/tmp"), container(), container()].map((manifest) => newJob(by, manifest, {}, 0));
  await older.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
  await older.close();
  const shared = `shared/${by.userId}`;
  const queue = `${by.businessId}/${shared}`;
  await db.collection("compute_jobs").updateMany({}, { $set: { queue_key: shared, queue } });
  await db.collection<{ _id: string }>("compute_migrations").deleteOne({ _id: "job-4" });
  await (await openMongoStores(mongo.url("older"))).close();
  const found = await db.collection("compute_jobs").find().sort({ job_id: 1 }).toArray();
  const wanted = jobs.map(({ jobId, queueKey }) => ({
    job_id: jobId,
    queue_key: queueKey,
    queue: `${by.businessId}/${queueKey}`,
  }));
  expect(found).toMatchObject(wanted.sort((a, b) => (a.job_id < b.job_id ? -1 : 1)));
});

async function openEmpty(): Promise<Stores> {
  const db = observer.db(DATABASE);
  for (const { collectionName } of await db.collections()) {
    if (!collectionName.startsWith("compute_") || collectionName === "compute_migrations") continue;
    await db.collection(collectionName).deleteMany({}, { comment: OWN });
  }
  return openMongoStores(mongo.url(DATABASE));
}

async function openGridFs(): Promise<OpenedBlobs> {
  const stores = await openEmpty();
  const others = await openMongoStores(mongo.url(DATABASE));
  const parts = ["files", "chunks"].map((part) =>
    observer.db(DATABASE).collection(`compute_artifacts.${part}`),
  );
  const countAll = async () => {
    const counts = await Promise.all(parts.map((part) => part.countDocuments({}, { comment: OWN })));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const close = async () => void (await Promise.all([stores.close(), others.close()]));
  return { blobs: gridFsOf(stores), other: gridFsOf(others), countAll, [Symbol.asyncDispose]: close };
}

function gridFsOf({ gridFs }: Stores): BlobStore {
  if (!gridFs) throw new Error("a MongoDB store has GridFS");
  return gridFs();
}

async function openTwoCredits() {
  const stores = await openEmpty();
  const others = await openMongoStores(mongo.url(DATABASE));
  const close = async () => void (await Promise.all([stores.close(), others.close()]));
  return { store: stores.credits, other: others.credits, [Symbol.asyncDispose]: close };
}

async function openOne<Store>(choose: (stores: Stores) => Store) {
  const stores = await openEmpty();
  return { store: choose(stores), [Symbol.asyncDispose]: () => stores.close() };
}
