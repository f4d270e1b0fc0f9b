import { openMongoStores } from "../../server/compose/open-stores.ts";
import { jobCostContract } from "../contract/job-cost.contract.ts";
import { mongoCommands } from "../support/mongo-commands.ts";
import { TestMongo } from "../support/mongod.ts";

jobCostContract("MongoDB", open, {
  commands: 7,
  transactions: 0.1,
  requests: 1,
  "messages to the supervisor": 2.2,
  "reads of its messages": 1.2,
  "reads and writes of the supervisor": 18,
});

async function open() {
  const mongo = await TestMongo.start();
  const stores = await openMongoStores(mongo.url("cost"));
  let before = await mongoCommands(mongo);
  return {
    stores,
    async count() {
      const now = await mongoCommands(mongo);
      const { commands, transactions } = before;
      before = now;
      return { commands: now.commands - commands, transactions: now.transactions - transactions };
    },
    async [Symbol.asyncDispose]() {
      await stores.close();
      await mongo[Symbol.asyncDispose]();
    },
  };
}
