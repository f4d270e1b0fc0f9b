import type { NodeDescription } from "../../shared/node.ts";
import { fits, type Requirement, type Usage, userOfQueue } from "./matching.ts";

/** A job that can be claimed. */
export interface Head {
  jobId: string;
  priority: number;
}

/** Queued jobs of one user that all ask for the same, with the first of them as they were read. */
export interface QueueHeads {
  key: string;
  requirement: Requirement;
  heads: Head[];
}

/** How much of a business's nodes each of its users has at the moment, in jobs. */
export class Shares {
  constructor(private readonly live: Map<string, number>) {}

  of(userId: string): number {
    return this.live.get(userId) ?? 0;
  }

  took(userId: string): void {
    this.live.set(userId, this.of(userId) + 1);
  }
}

/**
 * The queue whose head comes first among those whose jobs fit beside what the node has already: by priority, then of
 * the user who has the least running, then by age. `refill` reads the next heads of a queue that has none left.
 */
export function bestThatFits<Queue extends QueueHeads>(
  queues: readonly Queue[],
  node: NodeDescription,
  usage: Usage,
  shares: Shares,
  refill?: (queue: Queue) => Head[],
): Queue | undefined {
  let best: Queue | undefined;
  const comesBefore = (one: Head, oneKey: string, other: Head, otherKey: string) =>
    other.priority - one.priority ||
    shares.of(userOfQueue(oneKey)) - shares.of(userOfQueue(otherKey)) ||
    (one.jobId < other.jobId ? -1 : 1);
  for (const queue of queues) {
    if (!fits(queue.requirement.resources, node.capacity, usage)) continue;
    if (queue.heads.length === 0 && refill) queue.heads = refill(queue);
    const head = queue.heads[0];
    const leader = best?.heads[0];
    if (head && (!best || !leader || comesBefore(head, queue.key, leader, best.key) < 0)) best = queue;
  }
  return best;
}
