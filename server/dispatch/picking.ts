import { idTimeMs } from "../../shared/ids.ts";
import type { NodeDescription } from "../../shared/node.ts";
import { type Requirement, userOfQueue, waitsAhead } from "../job/requirement.ts";
import { fits, type Usage } from "./matching.ts";

/** A job that can be claimed. */
export interface Head {
  jobId: string;
  priority: number;
}

/** Queued jobs of one user that all ask for the same. `heads`: the first of them, as they were read. */
export interface QueueHeads {
  key: string;
  requirement: Requirement;
  heads: Head[];
}

/** How many live executions each user of a business has at the moment. */
export class Shares {
  constructor(private readonly live: Map<string, number>) {}

  of(userId: string): number {
    return this.live.get(userId) ?? 0;
  }

  took(userId: string): void {
    this.live.set(userId, this.of(userId) + 1);
  }
}

/** The node that jobs are picked for, and when. */
export interface Taker {
  nodeId: string;
  description: NodeDescription;
  nowMs: number;
}

/** After this time without room, some nodes keep theirs free for the job: at first this part of them. */
const STARVING_AFTER_MS = 60_000;
const FIRST_PART = 1 / 8;
const DOUBLES_EVERY_MS = 60_000;

/**
 * Returns the queue whose head comes first among those that fit next to what the node already has: by priority, then by
 * the user with the least running, then by age. `refill` reads the next heads of a queue that has none left.
 *
 * A job that does not fit yet lets smaller ones pass, but not forever. After a minute, an eighth of the nodes that could
 * run it take nothing that comes after it, so room for it collects there. Every further minute there are twice as many
 * of these nodes.
 */
export function bestThatFits<Queue extends QueueHeads>(
  queues: readonly Queue[],
  taker: Taker,
  usage: Usage,
  shares: Shares,
  refill?: (queue: Queue) => Head[],
): Queue | undefined {
  let best: Queue | undefined;
  let starving: Queue | undefined;
  const isFirst = (queue: Queue, other: Queue | undefined) => {
    const head = queue.heads[0];
    const leader = other?.heads[0];
    if (!head || !other || !leader) return head !== undefined;
    const order =
      leader.priority - head.priority ||
      shares.of(userOfQueue(queue.key)) - shares.of(userOfQueue(other.key)) ||
      (head.jobId < leader.jobId ? -1 : 1);
    return order < 0;
  };
  for (const queue of queues) {
    if (queue.heads.length === 0 && refill) queue.heads = refill(queue);
    const head = queue.heads[0];
    if (!head) continue;
    if (fits(queue.requirement.resources, taker.description.capacity, usage)) {
      if (isFirst(queue, best)) best = queue;
    } else if (keepsRoomFor(head.jobId, taker) && isFirst(queue, starving)) {
      starving = queue;
    }
  }
  return starving && isFirst(starving, best) ? undefined : best;
}

/**
 * The same for a node that may get jobs before it has a slot for them: up to `ahead` more than its slots. Returns a queue only if
 * its jobs may wait like that. If the job that comes first may not, nothing is handed out ahead of free slots, so that job gets
 * the next slot that becomes free.
 */
export function bestAhead<Queue extends QueueHeads>(
  queues: readonly Queue[],
  taker: Taker,
  ahead: number,
  usage: Usage,
  shares: Shares,
  refill?: (queue: Queue) => Head[],
): Queue | undefined {
  const { description } = taker;
  const { capacity } = description;
  const withAhead = { ...description, capacity: { ...capacity, slots: capacity.slots + ahead } };
  const best = bestThatFits(queues, { ...taker, description: withAhead }, usage, shares, refill);
  return best && waitsAhead(best.key) ? best : undefined;
}

/** Whether this node keeps its room for the job. The answer is the same on every server; each job picks other nodes. */
function keepsRoomFor(jobId: string, { nodeId, nowMs }: Taker): boolean {
  const starvedMs = nowMs - idTimeMs(jobId) - STARVING_AFTER_MS;
  if (starvedMs < 0) return false;
  const part = FIRST_PART * 2 ** Math.floor(starvedMs / DOUBLES_EVERY_MS);
  return Bun.hash.crc32(`${jobId}/${nodeId}`) / 2 ** 32 < part;
}
