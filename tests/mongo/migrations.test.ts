import { expect, setDefaultTimeout, test } from "bun:test";
import type { Db } from "mongodb";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import { newJob } from "../../server/job/job-rules.ts";
import { MongoStore } from "../../server/store/mongo.ts";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";

setDefaultTimeout(60_000);

const mongo = forAllTests(await TestMongo.start());

test("two servers that start at once on an empty database change its schema once", async () => {
  const step = {
    id: "counted-1",
    apply: (db: Db) =>
      db
        .collection("counted")
        .insertOne({})
        .then(() => {}),
  };
  const opened = await Promise.all(
    Array.from({ length: 4 }, () => MongoStore.open(mongo.url("fresh"), [step])),
  );
  expect(await opened[0]?.collection("counted").countDocuments()).toBe(1);
  await Promise.all(opened.map((store) => store.close()));
});

test("a server that dies while it changes the schema blocks the next one for seconds only", async () => {
  const [died, stuck] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const opening = MongoStore.open(mongo.url("half"), [
    {
      id: "stuck-1",
      apply: () => {
        died.resolve();
        return stuck.promise;
      },
    },
  ]);
  await died.promise;
  const lock = await mongo.withClient((client) =>
    client.db("half").collection("compute_migrations").findOne(),
  );
  expect(lock?.lock_until.getTime() - Date.now()).toBeWithin(1, 12_000);
  stuck.resolve();
  await (await opening).close();
});

test("a server that was stalled while it changed the schema, so that another did it too, starts all the same", async () => {
  const url = mongo.url("stalled");
  const [stalled, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const apply = () => {
    stalled.resolve();
    return over.promise;
  };
  const first = MongoStore.open(url, [{ id: "slow-1", apply }]);
  await stalled.promise;
  await mongo.withClient((client) =>
    client
      .db("stalled")
      .collection<{ _id: string }>("compute_migrations")
      .updateOne({ _id: "lock" }, { $set: { lock_until: new Date(0) } }),
  );
  const second = await MongoStore.open(url, [{ id: "slow-1", apply: async () => {} }]);
  over.resolve();
  await (await first).close();
  await second.close();
});

test("jobs of an older release, which were found by another index, are found by their ids", async () => {
  const url = mongo.url("older-ids");
  const by = { businessId: newId("biz"), userId: newId("usr") };
  const jobs = Array.from({ length: 250 }, (_, i) =>
    newJob(by, jobManifest.parse({ command: [`${i}`] }), {}, i),
  );
  const older = await openMongoStores(url);
  const idempotency = { key: "first", bodyHash: "3.hash" };
  await older.jobs.insert(jobs.map((job, i) => ({ job, idempotency: i === 0 ? idempotency : undefined })));
  await older.close();
  await mongo.withClient(async (client) => {
    const db = client.db("older-ids");
    const found = db.collection("compute_jobs");
    const written = await found.find().sort({ _id: 1 }).toArray();
    await asOlderReleasesWroteThem(db);

    const stores = await openMongoStores(url);
    expect(await found.find().sort({ _id: 1 }).toArray()).toEqual(written);
    expect((await found.indexes()).map(({ name }) => name)).not.toContain("job_id_1");
    for (const job of jobs) expect(await stores.jobs.find(by.businessId, job.jobId)).toEqual(job);
    // As a server of that release would, which still runs.
    const { _id, ...fields } = { ...written[0], job_id: newId("job"), idempotency_key: undefined };
    await expect(found.insertOne(fields)).rejects.toThrow("Document failed validation");
    await stores.close();
  });
});

async function asOlderReleasesWroteThem(db: Db): Promise<void> {
  const jobs = db.collection("compute_jobs");
  await db.command({ collMod: "compute_jobs", validator: {} });
  const written = await jobs.find().toArray();
  await jobs.deleteMany();
  await jobs.insertMany(written.map(({ _id, ...job }) => job));
  await jobs.createIndex({ job_id: 1 }, { unique: true });
  await db.collection<{ _id: string }>("compute_migrations").deleteOne({ _id: "job-13" });
}
