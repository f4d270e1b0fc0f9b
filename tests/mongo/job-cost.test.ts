import { openMongoStores } from "../../server/compose/open-stores.ts";
import { jobCostContract } from "../contract/job-cost.contract.ts";
import { TestMongo } from "../support/mongod.ts";

jobCostContract("MongoDB", open, {
  commands: 11,
  transactions: 0.9,
  requests: 1.2,
  "messages to the supervisor": 2.2,
  "reads of its messages": 1.2,
  "reads and writes of the supervisor": 16,
});

/** Each is one round trip of the server. Members also send commands to each other and to themselves. */
const COUNTED = [
  ...["find", "getMore", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify"],
  ...["bulkWrite", "commitTransaction", "abortTransaction"],
];

type Metrics = Record<string, { total: number }>;

async function open() {
  const mongo = await TestMongo.start();
  const stores = await openMongoStores(mongo.url("cost"));
  let before: Metrics = {};
  const since = (now: Metrics, name: string) =>
    Number(now[name]?.total ?? 0) - Number(before[name]?.total ?? 0);
  return {
    stores,
    async count() {
      const status = await mongo.withClient((client) => client.db("admin").command({ serverStatus: 1 }));
      const now: Metrics = status.metrics.commands;
      const counts = {
        commands: COUNTED.reduce((sum, name) => sum + since(now, name), 0),
        transactions: since(now, "commitTransaction"),
      };
      before = now;
      return counts;
    },
    async [Symbol.asyncDispose]() {
      await stores.close();
      await mongo[Symbol.asyncDispose]();
    },
  };
}
