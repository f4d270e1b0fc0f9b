import { expect, test } from "bun:test";
import type { ClientSession } from "mongodb";
import { isContention, MongoStore, outlastOthers } from "../../server/store/mongo.ts";
import { TestMongo } from "../support/mongod.ts";
import { waitFor } from "../support/wait.ts";

/** Three seconds of silence, plus time to notice. MongoDB itself takes more than a minute. */
const LET_GO_MS = 8_000;

test("locks of a dead server are released within seconds, and a server that was only suspended retries", async () => {
  await using mongo = await TestMongo.start();
  const url = mongo.url("abandoned");
  const [still, other] = await Promise.all([MongoStore.open(url, []), MongoStore.open(url, [])]);
  await other.collection("things").insertMany([{ name: "plain" }, { name: "in a transaction" }]);
  const write = (name: string, session?: ClientSession) =>
    other.collection("things").updateOne({ name }, { $set: { by: "other" } }, { session });

  const wrote = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  const late = still.transaction(async (session) => {
    const things = still.collection("things");
    await things.updateMany({}, { $set: { by: "still" } }, { session });
    wrote.resolve();
    await goesOn.promise;
    await things.updateMany({}, { $set: { by: "late" } }, { session });
  });
  await wrote.promise;
  const others = Promise.all([
    write("plain"),
    outlastOthers(() => other.transaction((session) => write("in a transaction", session))),
  ]).then(() => true);
  const look = () => Promise.race([others, other.endAbandoned().then(() => false)]);
  await waitFor("others to write", look, { timeoutMs: LET_GO_MS });

  goesOn.resolve();
  const error = await late.catch((thrown) => thrown);
  expect(isContention(error)).toBe(true);
  const by = await other.collection("things").distinct("by");
  expect(by).toEqual(["other"]);
  await Promise.all([still.close(), other.close()]);
});
