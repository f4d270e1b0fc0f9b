import type { NodeDescription } from "../../shared/node.ts";
import { fits, type Requirement, type Usage } from "./matching.ts";

/** A job that can be claimed. */
export interface Head {
  jobId: string;
  priority: number;
}

/** Queued jobs that all ask for the same, with the first of them as they were read. */
export interface QueueHeads {
  key: string;
  requirement: Requirement;
  heads: Head[];
}

/**
 * The queue whose head comes first (priority, then age) among those whose jobs fit beside what the node has already.
 * `refill` reads the next heads of a queue that has none left.
 */
export function bestThatFits<Queue extends QueueHeads>(
  queues: readonly Queue[],
  node: NodeDescription,
  usage: Usage,
  refill?: (queue: Queue) => Head[],
): Queue | undefined {
  let best: Queue | undefined;
  for (const queue of queues) {
    if (!fits(queue.requirement.resources, node.capacity, usage)) continue;
    if (queue.heads.length === 0 && refill) queue.heads = refill(queue);
    const head = queue.heads[0];
    const leader = best?.heads[0];
    if (head && (!leader || comesBefore(head, leader))) best = queue;
  }
  return best;
}

function comesBefore(one: Head, other: Head): boolean {
  return one.priority > other.priority || (one.priority === other.priority && one.jobId < other.jobId);
}
