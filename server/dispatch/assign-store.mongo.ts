import type { Collection } from "mongodb";
import { newId } from "../../shared/ids.ts";
import type { Assigned } from "../execution/execution-store.ts";
import type { FreshJobs } from "../job/fresh-jobs.mongo.ts";
import {
  type ExecutionDocument,
  type JobDocument,
  queueKeyIn,
  queueOf,
  queuesOf,
} from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { RecentJobs } from "../job/recent-jobs.mongo.ts";
import { type Requirement, requirementOf, userOfQueue, waitsAhead } from "../job/requirement.ts";
import { isSpeaker } from "../node/node-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { AssignRequest, AssignStore } from "./assign-store.ts";
import { type Claim, MongoClaims } from "./claims.mongo.ts";
import { mismatch, pickGpus, usageOf } from "./matching.ts";
import { type NodeRoom, NodeRooms } from "./node-rooms.mongo.ts";
import { bestAhead, bestThatFits, type QueueHeads, type Shares } from "./picking.ts";
import { readShares } from "./shares.mongo.ts";

type Call = Waiting<AssignRequest, Assigned[]>;

/** A request with its node and what it has claimed so far. */
interface Order {
  request: AssignRequest;
  node: NodeRoom;
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
/** A batch looks for more jobs for this long. That is well within the time for which claims stand. */
const MAX_CLAIMING_MS = 2_000;
/** How often a node that changes while it is given jobs is read again. */
const MAX_READS = 3;
/** After losing jobs to another server, a batch skips up to this many jobs of each queue, to get out of its way. */
const MAX_SKIP = 512;

/**
 * Hands out queued jobs while other servers do the same. Within this server, the requests of one business are batched
 * and served one batch at a time, so they never compete. Between servers, each job goes to the server whose write comes
 * first.
 *
 * A batch takes three steps, the first of which is left out for jobs that were created here a moment ago (`FreshJobs`):
 *
 * 1. It lists the queues with claimable jobs and reads the nodes that ask; then the heads of the queues, and what the nodes
 *    hold (`NodeRooms`).
 * 2. `claimFor` picks jobs for each node and claims them (`MongoClaims.claim`). It reads more heads and repeats this while
 *    another server took some of the jobs, or while there may be more jobs that fit.
 * 3. `NodeRooms.confirm` checks that nobody else gave a node jobs meanwhile. If somebody did, the node's claims are undone,
 *    and the node is served again.
 */
export class MongoAssignStore implements AssignStore {
  /** A queue key always stands for the same requirement, so an entry never goes stale. */
  private readonly requirements = new RecentMap<Requirement>(MAX_CACHED_REQUIREMENTS);
  private readonly businesses = new Map<string, Batches<AssignRequest, Assigned[]>>();
  private readonly jobs: Collection<JobDocument>;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly rooms: NodeRooms;
  private readonly claims: MongoClaims;

  constructor(
    private readonly store: MongoStore,
    recent: RecentJobs,
    private readonly fresh: FreshJobs,
  ) {
    this.jobs = store.preparing("compute_jobs");
    this.executions = store.preparing("compute_executions");
    this.rooms = new NodeRooms(store);
    this.claims = new MongoClaims(store, recent);
  }

  assign(requests: readonly AssignRequest[]): Promise<Assigned[][]> {
    return Promise.all(requests.map((request) => this.batchesOf(request.businessId).add(request)));
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

  private batchesOf(businessId: string): Batches<AssignRequest, Assigned[]> {
    let batches = this.businesses.get(businessId);
    if (!batches) {
      const made = new Batches<AssignRequest, Assigned[]>(
        (calls) => this.store.attempt(() => this.assignBatch(businessId, calls)).finally(() => this.tidy()),
        { maxItems: REQUESTS_PER_BATCH, maxInFlight: 1 },
      );
      batches = made;
      this.businesses.set(businessId, batches);
    }
    return batches;
  }

  /** Forgets businesses where nothing is going on. */
  private tidy(): void {
    for (const [businessId, batches] of this.businesses) if (batches.idle) this.businesses.delete(businessId);
  }

  private async assignBatch(businessId: string, calls: readonly Call[]): Promise<void> {
    let open = await this.assignFresh(businessId, calls);
    for (let reads = 0; open.length > 0 && reads < MAX_READS; reads++) {
      open = await this.assignOnce(businessId, open);
    }
    for (const call of open) call.resolve([]);
  }

  /**
   * Hands out jobs that were created here a moment ago, without reading anything, if nothing else waited and each node has
   * free slots for all of them. Resolves with the calls that this did not answer.
   */
  private async assignFresh(businessId: string, calls: readonly Call[]): Promise<readonly Call[]> {
    const queue = queueOfFresh(this.fresh.take(businessId));
    if (!queue) return calls;
    const orders = new Map<Call, Order>();
    for (const call of calls) {
      const { nodeId, limit, by } = call.item;
      const node = this.rooms.takePrepared(nodeId);
      if (!node || limit <= queue.heads.length || (by && !isSpeaker(node.speaker, by))) return calls;
      orders.set(call, { request: call.item, node, claims: [] });
    }
    const given = await this.give(businessId, orders, [queue]);
    for (const [call, jobs] of given) if (jobs?.length) call.resolve(jobs);
    // There may be other jobs for nodes that got none of these.
    return [...given].flatMap(([call, jobs]) => (jobs?.length ? [] : call));
  }

  /** Answers calls. Resolves with those whose nodes have changed meanwhile. */
  private async assignOnce(businessId: string, calls: readonly Call[]): Promise<readonly Call[]> {
    const [queues, nodes] = await Promise.all([
      this.claimable(businessId),
      this.rooms.read(
        businessId,
        calls.map(({ item }) => item.nodeId),
      ),
    ]);
    this.fresh.looked(businessId, queues.length === 0);
    if (queues.length === 0) this.rooms.prepare(nodes);
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const orders = new Map<Call, Order>();
    for (const call of calls) {
      const node = byId.get(call.item.nodeId);
      const { by } = call.item;
      if (node && queues.length > 0 && (!by || isSpeaker(node.speaker, by)))
        orders.set(call, { request: call.item, node, claims: [] });
      else call.resolve([]);
    }
    if (orders.size === 0) return [];
    const [heads] = await Promise.all([
      this.readQueues(queues, [...orders.values()], 0),
      this.rooms.readHeld(nodesOf(orders.values())),
    ]);
    const given = await this.give(businessId, orders, heads);
    for (const [call, jobs] of given) if (jobs) call.resolve(jobs);
    return [...given].flatMap(([call, jobs]) => (jobs ? [] : call));
  }

  /** Claims jobs for the calls. Resolves with what each gets: undefined if its node has changed meanwhile. */
  private async give(
    businessId: string,
    orders: ReadonlyMap<Call, Order>,
    queues: readonly MongoQueue[],
  ): Promise<Map<Call, Assigned[] | undefined>> {
    const assigned = await this.serve(businessId, [...orders.values()], queues);
    const given = nodesOf([...orders.values()].filter(({ claims }) => claims.length > 0));
    const confirmed = await this.confirm([...orders.values()], given);
    const jobs = new Map<Call, Assigned[] | undefined>();
    for (const [call, { node, claims }] of orders) {
      const isChanged = given.includes(node) && !confirmed.has(node.nodeId);
      jobs.set(call, isChanged ? undefined : claims.flatMap((claim) => assigned.get(claim) ?? []));
    }
    return jobs;
  }

  /** Undoes the claims for nodes that were changed meanwhile. Resolves with the ids of the others. */
  private async confirm(orders: readonly Order[], given: readonly NodeRoom[]): Promise<Set<string>> {
    if (given.length === 0) return new Set();
    const confirmed = await this.rooms.confirm(given);
    const lost = orders.filter(({ node }) => !confirmed.has(node.nodeId));
    await this.claims.undo(lost.flatMap(({ claims }) => claims));
    return confirmed;
  }

  /** Claims jobs for all orders. If that fails, nothing stays claimed. */
  private async serve(
    businessId: string,
    orders: readonly Order[],
    firstRead: readonly MongoQueue[],
  ): Promise<Map<Claim, Assigned>> {
    const assigned = new Map<Claim, Assigned>();
    try {
      await this.claimFor(businessId, orders, firstRead, assigned);
      return assigned;
    } catch (error) {
      const claims = orders.flatMap((order) => order.claims);
      // If the store is away, `releaseOrphans` does it.
      await this.claims.undo(claims).catch(() => undefined);
      throw error;
    }
  }

  private async claimFor(
    businessId: string,
    orders: readonly Order[],
    firstRead: readonly MongoQueue[],
    assigned: Map<Claim, Assigned>,
  ): Promise<void> {
    const deadlineMs = performance.now() + MAX_CLAIMING_MS;
    let skip = 0;
    let queues = firstRead;
    while (performance.now() < deadlineMs) {
      if (queues.length === 0 && skip === 0) return;
      const shares = await readShares(this.executions, businessId, queues);
      const forSlots = orders.flatMap((order) => pick(order, queues, shares, 0));
      const ahead = orders.flatMap((order) => pick(order, queues, shares, order.request.ahead ?? 0));
      const picked = [...forSlots, ...ahead];
      const won = await this.claims.claim(picked.map(({ claim }) => claim));
      for (const [claim, one] of won) assigned.set(claim, one);
      const lost = picked.filter(({ claim }) => !won.has(claim));
      for (const { order, claim, held } of lost) {
        order.claims.splice(order.claims.indexOf(claim), 1);
        order.node.held.splice(order.node.held.indexOf(held), 1);
      }
      const isDry = picked.length === 0 && skip === 0;
      const mayHaveMore = queues.some(({ hasMore, heads }) => hasMore && heads.length === 0);
      const isServed = lost.length === 0 && skip === 0 && !mayHaveMore;
      const isFull = lost.length === 0 && orders.every((order) => order.claims.length >= order.request.limit);
      if (isDry || isServed || isFull) return;
      // Another server takes the same jobs, so begin elsewhere, but come back to the first jobs before giving up.
      skip = lost.length > 0 ? Math.floor(Math.random() * MAX_SKIP) : 0;
      queues = await this.readQueues(await this.claimable(businessId), orders, skip);
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

function nodesOf(orders: Iterable<Order>): NodeRoom[] {
  return [...new Set([...orders].map(({ node }) => node))];
}

/** The queue of these jobs, if all are in one whose jobs take no capacity but a slot. */
function queueOfFresh([first, ...others]: readonly JobRecord[]): MongoQueue | undefined {
  if (!first || !waitsAhead(first.queueKey)) return undefined;
  if (others.some((job) => job.queueKey !== first.queueKey)) return undefined;
  const { businessId, userId, queueKey: key, manifest } = first;
  const heads = [first, ...others].map(({ jobId, manifest: { priority } }) => ({ jobId, priority }));
  const requirement = requirementOf(manifest, userId);
  return { queue: queueOf(businessId, key), key, requirement, heads, hasMore: false };
}

/** A job that was picked for an order, and what it will use on its node. */
interface Picked {
  order: Order;
  claim: Claim;
  held: NodeRoom["held"][number];
}

/**
 * Picks jobs for the order, up to its limit and the room on its node, and removes them from the queues. The node may have
 * `ahead` jobs more than it has slots.
 */
function pick(order: Order, queues: readonly MongoQueue[], shares: Shares, ahead: number): Picked[] {
  const { request, node, claims } = order;
  const { description } = node;
  const able = queues.filter(({ requirement }) => mismatch(requirement, description) === undefined);
  const picked: Picked[] = [];
  while (claims.length < request.limit) {
    const usage = usageOf(node.held);
    const taker = { ...request, description };
    const queue =
      ahead === 0 ? bestThatFits(able, taker, usage, shares) : bestAhead(able, taker, ahead, usage, shares);
    const head = queue?.heads.shift();
    if (!queue || !head) break;
    const { resources } = queue.requirement;
    const gpuIndexes = pickGpus(resources.gpuCount, description.capacity, usage);
    const { jobId } = head;
    const claim: Claim = { executionId: newId("exe"), jobId, queue: queue.queue, request, gpuIndexes };
    const held = { resources, gpuIndexes };
    picked.push({ order, claim, held });
    claims.push(claim);
    node.held.push(held);
    shares.took(userOfQueue(queue.key));
  }
  return picked;
}
