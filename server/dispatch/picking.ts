import { idTimeMs } from "../../shared/ids.ts";
import type { NodeDescription } from "../../shared/node.ts";
import { type Requirement, userOfQueue } from "../job/requirement.ts";
import { fits, type Usage } from "./matching.ts";

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

/** The node that jobs are picked for, and when. */
export interface Taker {
  nodeId: string;
  description: NodeDescription;
  nowMs: number;
}

/** A job that has waited so long for room makes some nodes keep theirs for it, at first this part of them. */
const STARVING_AFTER_MS = 60_000;
const FIRST_PART = 1 / 8;
const DOUBLES_EVERY_MS = 60_000;

/**
 * The queue whose head comes first among those whose jobs fit beside what the node has already: by priority, then of
 * the user who has the least running, then by age. `refill` reads the next heads of a queue that has none left.
 *
 * A job that does not fit yet lets smaller ones pass, but not for ever: after a minute an eighth of the nodes that
 * could run it take nothing that comes after it, and so get the room together; every further minute twice as many.
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
  const isFirst = (one: Queue, other: Queue | undefined) => {
    const [head, leader] = [one.heads[0], other?.heads[0]];
    if (!head || !other || !leader) return head !== undefined;
    const order =
      leader.priority - head.priority ||
      shares.of(userOfQueue(one.key)) - shares.of(userOfQueue(other.key)) ||
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

/** The same on every server, and other nodes for every job. */
function keepsRoomFor(jobId: string, { nodeId, nowMs }: Taker): boolean {
  const starvedMs = nowMs - idTimeMs(jobId) - STARVING_AFTER_MS;
  if (starvedMs < 0) return false;
  const part = FIRST_PART * 2 ** Math.floor(starvedMs / DOUBLES_EVERY_MS);
  return Bun.hash.crc32(`${jobId}/${nodeId}`) / 2 ** 32 < part;
}
