import type { Collection } from "mongodb";
import { newId } from "../../shared/ids.ts";
import type { Assigned } from "../execution/execution-store.ts";
import {
  type ExecutionDocument,
  type JobDocument,
  queueKeyIn,
  queuesOf,
} from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import { type Requirement, requirementOf, userOfQueue } from "../job/requirement.ts";
import { isSpeaker } from "../node/node-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { AssignRequest, AssignStore } from "./assign-store.ts";
import { type Claim, MongoClaims } from "./claims.mongo.ts";
import { mismatch, pickGpus, usageOf } from "./matching.ts";
import { type LockedNode, NodeLocks } from "./node-locks.mongo.ts";
import { bestThatFits, type QueueHeads, type Shares } from "./picking.ts";
import { readShares } from "./shares.mongo.ts";

type Call = Waiting<AssignRequest, Assigned[]>;

/** A request with its locked node and what it has claimed so far. */
interface Order {
  request: AssignRequest;
  node: LockedNode;
  claims: Claim[];
}

interface ClaimableQueue {
  queue: string;
  key: string;
  requirement: Requirement;
}

interface MongoQueue extends ClaimableQueue, QueueHeads {
  /** There may be more jobs after those that were read. */
  hasMore: boolean;
}

const MAX_CACHED_REQUIREMENTS = 10_000;
const REQUESTS_PER_BATCH = 64;
const MAX_HEADS = 1_000;
/** A batch looks for more jobs for this long. That is well within the time for which nodes are locked. */
const MAX_CLAIMING_MS = 2_000;
/** After losing jobs to another server, a batch skips up to this many jobs of each queue, to get out of its way. */
const MAX_SKIP = 512;

/**
 * Hands out queued jobs while other servers do the same. Within this server, the requests of one business are batched
 * and served one batch at a time, so they never compete. Between servers, each job goes to the server whose write comes
 * first.
 *
 * A batch takes three steps:
 *
 * 1. It lists the queues with claimable jobs and locks the nodes that ask (`NodeLocks`), so that no other server fills
 *    them.
 * 2. `claimFor` reads the heads of the queues, picks jobs for each node and claims them (`MongoClaims.claim`). It repeats
 *    this while another server took some of the jobs, or while there may be more jobs that fit.
 * 3. `MongoClaims.confirm` creates the executions and releases the locks, in one transaction.
 */
export class MongoAssignStore implements AssignStore {
  /** A queue key always stands for the same requirement, so an entry never goes stale. */
  private readonly requirements = new RecentMap<Requirement>(MAX_CACHED_REQUIREMENTS);
  private readonly rooms = new Map<string, Batches<AssignRequest, Assigned[]>>();
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly locks: NodeLocks;
  private readonly claims: MongoClaims;

  constructor(private readonly store: MongoStore) {
    this.jobs = store.preparing("compute_jobs");
    this.executions = store.preparing("compute_executions");
    this.locks = new NodeLocks(store);
    this.claims = new MongoClaims(store);
  }

  assign(requests: readonly AssignRequest[]): Promise<Assigned[][]> {
    return Promise.all(requests.map((request) => this.roomOf(request.businessId).add(request)));
  }

  async claimableRequirements(businessId: string): Promise<Requirement[]> {
    const queues = await this.store.attempt(() => this.claimable(businessId));
    return queues.map((queue) => queue.requirement);
  }

  countAhead({ businessId, jobId, manifest }: JobRecord, maxCount: number): Promise<number> {
    const { pool, priority } = manifest;
    return this.store.attempt(async () => {
      let ahead = 0;
      for (const { queue, requirement } of await this.claimable(businessId)) {
        if (requirement.pool !== pool) continue;
        for (const comesFirst of [{ priority: { $gt: priority } }, { priority, job_id: { $lt: jobId } }]) {
          if (ahead >= maxCount) return maxCount;
          ahead += await this.jobs.countDocuments({ queue, ...comesFirst }, { limit: maxCount - ahead });
        }
      }
      return ahead;
    });
  }

  /** The queues of the business that have claimable jobs. Jumps from key to key in the index and reads no jobs. */
  private async claimable(businessId: string): Promise<ClaimableQueue[]> {
    const queues = await this.jobs.distinct("queue", { queue: queuesOf(businessId) });
    const found = await Promise.all(
      queues.map(async (queue) => {
        const requirement = queue !== undefined && (await this.requirementOf(queue));
        return requirement ? [{ queue, key: queueKeyIn(queue), requirement }] : [];
      }),
    );
    return found.flat();
  }

  /** Undoes claims that a server left behind when it died; see `MongoClaims`. */
  releaseOrphans(nowMs: number): Promise<JobRecord[]> {
    return this.store.attempt(() => this.claims.releaseOrphans(nowMs));
  }

  private roomOf(businessId: string): Batches<AssignRequest, Assigned[]> {
    let room = this.rooms.get(businessId);
    if (!room) {
      const made = new Batches<AssignRequest, Assigned[]>(
        (calls) => this.store.attempt(() => this.assignBatch(businessId, calls)).finally(() => this.tidy()),
        { maxItems: REQUESTS_PER_BATCH, maxInFlight: 1 },
      );
      room = made;
      this.rooms.set(businessId, room);
    }
    return room;
  }

  /** Forgets businesses where nothing is going on. */
  private tidy(): void {
    for (const [businessId, room] of this.rooms) if (room.idle) this.rooms.delete(businessId);
  }

  private async assignBatch(businessId: string, calls: readonly Call[]): Promise<void> {
    const queues = await this.claimable(businessId);
    const nodes =
      queues.length === 0
        ? new Map<string, LockedNode>()
        : await this.locks.take(
            businessId,
            calls.map(({ item }) => item.nodeId),
          );
    const orders = new Map<Call, Order>();
    for (const call of calls) {
      const node = nodes.get(call.item.nodeId);
      const { by } = call.item;
      if (node && (!by || isSpeaker(node.speaker, by)))
        orders.set(call, { request: call.item, node, claims: [] });
      else call.resolve([]);
    }
    await this.locks.release([...nodes.values()].filter((node) => !isOrdered(orders, node)));
    if (orders.size === 0) return;
    const assigned = await this.serve(businessId, [...orders.values()], queues);
    for (const [call, { claims }] of orders) {
      call.resolve(claims.flatMap((claim) => assigned.get(claim.executionId) ?? []));
    }
  }

  /** Claims jobs for all orders and creates their executions, which also releases the locks. */
  private async serve(
    businessId: string,
    orders: readonly Order[],
    queues: readonly ClaimableQueue[],
  ): Promise<Map<string, Assigned>> {
    const locked = [...new Set(orders.map((order) => order.node))];
    let assigned = new Map<string, Assigned>();
    try {
      await this.claimFor(businessId, orders, queues);
      const claims = orders.flatMap((order) => order.claims);
      assigned = await this.claims.confirm(claims, locked);
      return assigned;
    } finally {
      if (assigned.size === 0) await this.locks.release(locked);
    }
  }

  private async claimFor(
    businessId: string,
    orders: readonly Order[],
    firstSeen: readonly ClaimableQueue[],
  ): Promise<void> {
    const deadlineMs = performance.now() + MAX_CLAIMING_MS;
    let skip = 0;
    let claimable = firstSeen;
    while (performance.now() < deadlineMs) {
      const queues = await this.readQueues(claimable, orders, skip);
      if (queues.length === 0 && skip === 0) return;
      const shares = await readShares(this.executions, businessId, queues);
      const picked = orders.flatMap((order) => pick(order, queues, shares));
      const lost = await this.claims.claim(picked);
      for (const order of orders) {
        order.claims = order.claims.filter((claim) => !lost.has(claim));
        order.node.held = order.node.held.filter((held) => !lost.has(held as Claim));
      }
      const isDry = picked.length === 0 && skip === 0;
      const isServed = lost.size === 0 && skip === 0 && !queues.some((queue) => queue.hasMore);
      const isFull = lost.size === 0 && orders.every((order) => order.claims.length >= order.request.limit);
      if (isDry || isServed || isFull) return;
      // Another server takes the same jobs, so begin elsewhere, but come back to the first jobs before giving up.
      skip = lost.size > 0 ? Math.floor(Math.random() * MAX_SKIP) : 0;
      claimable = await this.claimable(businessId);
    }
  }

  /** The queues whose jobs at least one of the nodes can run, each with enough heads for all orders. */
  private async readQueues(
    claimable: readonly ClaimableQueue[],
    orders: readonly Order[],
    skip: number,
  ): Promise<MongoQueue[]> {
    const wanted = orders.reduce((sum, { request, claims }) => sum + request.limit - claims.length, 0);
    const limit = Math.min(MAX_HEADS, wanted);
    if (limit <= 0) return [];
    const able = claimable.filter(({ requirement }) =>
      orders.some(({ node }) => mismatch(requirement, node.description) === undefined),
    );
    const queues = await Promise.all(
      able.map(async (claimableQueue) => {
        const heads = await this.readHeads(claimableQueue.queue, skip, limit);
        return { ...claimableQueue, heads, hasMore: heads.length === limit };
      }),
    );
    return queues.filter((queue) => queue.heads.length > 0);
  }

  private async readHeads(queue: string, skip: number, limit: number) {
    const found = await this.jobs
      .find({ queue }, { projection: { _id: 0, job_id: 1, priority: 1 } })
      .sort({ priority: -1, job_id: 1 })
      .skip(skip)
      .limit(limit)
      .toArray();
    return found.map((job) => ({ jobId: job.job_id, priority: job.priority }));
  }

  private async requirementOf(queue: string): Promise<Requirement | undefined> {
    const key = queueKeyIn(queue);
    const known = this.requirements.get(key);
    if (known) return known;
    const job = await this.jobs.findOne({ queue }, { projection: { manifest: 1 } });
    // The last job of the queue was taken after the queues were listed.
    if (!job) return undefined;
    const requirement = requirementOf(job.manifest, userOfQueue(key));
    this.requirements.set(key, requirement);
    return requirement;
  }
}

function isOrdered(orders: ReadonlyMap<Call, Order>, node: LockedNode): boolean {
  return [...orders.values()].some((order) => order.node === node);
}

/** Picks jobs for the order, up to its limit and the room on its node, and removes them from the queues. */
function pick(order: Order, queues: readonly MongoQueue[], shares: Shares): Claim[] {
  const { request, node, claims } = order;
  const { description } = node;
  const able = queues.filter(({ requirement }) => mismatch(requirement, description) === undefined);
  const picked: Claim[] = [];
  while (claims.length < request.limit) {
    const usage = usageOf(node.held);
    const queue = bestThatFits(able, { ...request, description }, usage, shares);
    const head = queue?.heads.shift();
    if (!queue || !head) break;
    const claim: Claim = {
      executionId: newId("exe"),
      jobId: head.jobId,
      queue: queue.queue,
      request,
      resources: queue.requirement.resources,
      gpuIndexes: pickGpus(queue.requirement.resources.gpuCount, description.capacity, usage),
    };
    picked.push(claim);
    claims.push(claim);
    node.held.push(claim);
    shares.took(userOfQueue(queue.key));
  }
  return picked;
}
