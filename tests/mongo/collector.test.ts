import { setDefaultTimeout, test } from "bun:test";
import { raceTheCollector } from "../support/collector-race.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";

const mongo = forAllTests(await TestMongo.start());

setDefaultTimeout(600_000);

test("no artifact lacks a blob while two servers collect files all the time, and nothing is left in the end, whichever is killed", async () => {
  await raceTheCollector(["mongodb", mongo.url("collector")], { servers: 2, kills: 3, complete: 8 });
});
