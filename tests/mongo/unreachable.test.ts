import { expect, test } from "bun:test";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import { MongoStore } from "../../server/store/mongo.ts";
import { newId } from "../../shared/ids.ts";
import { jobOf } from "../contract/control-plane.contract.ts";
import { TestMongo } from "../support/mongod.ts";
import { within } from "../support/wait.ts";

/**
 * The store waits 5 s for a member to come back, retries a transaction for 10 s, and waits for nothing longer than 30
 * s.
 */
const ANSWER_MS = 40_000;
/** How long MongoDB waits for a silent primary by default. */
const ELECTION_MS = 10_000;

test("if MongoDB is gone, reads and writes are storage_failed within seconds, and the server is not ready", async () => {
  await using mongo = await TestMongo.start();
  const stores = await openMongoStores(mongo.url("gone"));
  expect(await stores.isReady()).toBe(true);
  await Promise.all(mongo.members.map((member) => member.kill()));
  const businessId = newId("biz");
  const [job, key] = [jobOf(businessId), { businessId, jobId: newId("job") }];
  const asked: Promise<unknown>[] = [
    stores.jobs.insert([{ job, idempotency: undefined }]),
    stores.jobs.insert([
      { job, idempotency: undefined },
      { job, idempotency: undefined },
    ]),
    stores.jobs.find(businessId, job.jobId),
    stores.jobs.change([{ key, decide: () => ({ result: undefined }) }]),
    stores.nodes.heartbeat(newId("node"), 0, { suspended: false }, { keyHash: "h", runId: undefined }),
    stores.assignments.claimableRequirements(businessId),
    stores.assignments.assign([{ nodeId: "", businessId, limit: 1, nowMs: 0, leaseExpiresAtMs: 0 }]),
    stores.logs.lastSeq(newId("exe")),
    stores.sessions.find(newId("ses")),
  ];
  const codes = asked.map((one) => one.catch((error) => error.code));
  const answers = await within(ANSWER_MS, "an answer from every port", Promise.all(codes));
  expect(answers).toEqual(asked.map(() => "storage_failed"));
  expect(await stores.isReady()).toBe(false);
  await stores.close();
});

test("a MongoDB without a replica set is refused, with advice what to do", async () => {
  await using mongo = await TestMongo.startAlone();
  const url = `mongodb://${mongo.members[0]?.host}/alone`;
  await expect(openMongoStores(url)).rejects.toThrow(/--replSet/);
});

test("an operation that is never answered is storage_failed when its time is up", async () => {
  await using mongo = await TestMongo.start();
  const store = await MongoStore.open(mongo.url("silent"), []);
  const silence = store.attempt(() => new Promise(() => {}), 50);
  await expect(silence).rejects.toMatchObject({
    code: "storage_failed",
    message: expect.stringContaining("within 0.05 s"),
  });
  await store.close();
});

test("a member that goes silent is given up before a replica set elects another primary", async () => {
  await using mongo = await TestMongo.start();
  const store = await MongoStore.open(mongo.url("silent"), []);
  // After these two together, the driver ends every operation that waits for the member.
  const { heartbeatFrequencyMS, connectTimeoutMS } = store.db.client.options;
  expect(heartbeatFrequencyMS + connectTimeoutMS).toBeLessThan(ELECTION_MS);
  await store.close();
});
