import type { TestMongo } from "./mongod.ts";

/** Each is one round trip of a client. Not `getMore`: with it the other members follow the primary. */
const COUNTED = [
  ...["find", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify"],
  ...["bulkWrite", "commitTransaction", "abortTransaction"],
];

export interface MongoCommands {
  commands: number;
  /** The commands that commit one. */
  transactions: number;
}

/** How many commands the primary has had so far. */
export async function mongoCommands(mongo: TestMongo): Promise<MongoCommands> {
  const status = await mongo.withClient((client) => client.db("admin").command({ serverStatus: 1 }));
  const metrics: Record<string, { total: number }> = status.metrics.commands;
  const total = (name: string) => Number(metrics[name]?.total ?? 0);
  return {
    commands: COUNTED.reduce((sum, name) => sum + total(name), 0),
    transactions: total("commitTransaction"),
  };
}
