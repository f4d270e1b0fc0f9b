import type { Collection } from "mongodb";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import { userOfQueue } from "../job/requirement.ts";
import { type QueueHeads, Shares } from "./picking.ts";

/** What the users of these queues have running. If only one user's jobs wait, there is nothing to compare or count. */
export async function readShares(
  executions: Collection<ExecutionDocument>,
  businessId: string,
  queues: readonly Pick<QueueHeads, "key">[],
): Promise<Shares> {
  const users = [...new Set(queues.map((queue) => userOfQueue(queue.key)))];
  if (users.length < 2) return new Shares(new Map());
  const live = await executions
    .aggregate<{ _id: string; live: number }>([
      { $match: { business_id: businessId, user_id: { $in: users }, live_on: { $exists: true } } },
      { $group: { _id: "$user_id", live: { $sum: 1 } } },
    ])
    .toArray();
  return new Shares(new Map(live.map(({ _id: userId, live: count }) => [userId, count])));
}
