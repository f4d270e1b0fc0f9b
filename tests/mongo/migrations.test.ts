import { expect, setDefaultTimeout, test } from "bun:test";
import type { Db } from "mongodb";
import { MongoStore } from "../../server/store/mongo.ts";
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
