import type { Collection } from "mongodb";
import type { Assigned } from "../execution/execution-store.ts";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { RecentJobs } from "../job/recent-jobs.mongo.ts";
import type { Requirement } from "../job/requirement.ts";
import { isSpeaker } from "../node/node-store.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { AssignRequest, AssignStore, OfferSource } from "./assign-store.ts";
import { type Claim, MongoClaims, settledTogether } from "./claims.mongo.ts";
import { mismatch } from "./matching.ts";
import { isReservationOver, type NodeRoom, NodeRooms } from "./node-rooms.mongo.ts";
import { nodesOf, type Order, type Picked, pick, reservedRooms } from "./orders.mongo.ts";
import { MongoPlacer } from "./placer.mongo.ts";
import { type ClaimableQueue, type MongoQueue, MongoQueues } from "./queues.mongo.ts";
import { readShares } from "./shares.mongo.ts";

type Call = Waiting<AssignRequest, Assigned[]>;

/** What a batch has done so far. */
interface Progress {
  assigned: Map<Claim, Assigned>;
  /** The nodes that somebody else gave jobs, or changed. They get no more. */
  changed: Set<NodeRoom>;
}

const REQUESTS_PER_BATCH = 64;
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
 * A batch takes three steps:
 *
 * 1. It lists the queues with claimable jobs and reads the nodes that ask; then the heads of the queues, and what the nodes
 *    hold (`NodeRooms`).
 * 2. `claimFor` picks jobs for each node, claims them (`MongoClaims.claim`) and reserves room for them (`NodeRooms.reserve`), at
 *    the same time. It reads more heads and repeats this while another server took some of the jobs, or while there may be
 *    more jobs that fit.
 * 3. If somebody else gave a node jobs meanwhile, or changed it, its claims are undone, and the node is served again.
 */
export class MongoAssignStore implements AssignStore {
  private readonly businesses = new Map<string, Batches<AssignRequest, Assigned[]>>();
  private readonly queues: MongoQueues;
  private readonly executions: Collection<ExecutionDocument>;
  private readonly rooms: NodeRooms;
  private readonly claims: MongoClaims;
  /** Gives jobs to waiting nodes while they are created. */
  readonly placer: MongoPlacer;

  constructor(
    private readonly store: MongoStore,
    recent: RecentJobs,
  ) {
    this.queues = new MongoQueues(store);
    this.executions = store.preparing("compute_executions");
    this.rooms = new NodeRooms(store);
    this.claims = new MongoClaims(store, recent);
    this.placer = new MongoPlacer(store, { rooms: this.rooms, claims: this.claims });
  }

  useOffers(source: OfferSource): void {
    this.placer.useOffers(source);
  }

  assign(requests: readonly AssignRequest[]): Promise<Assigned[][]> {
    return Promise.all(requests.map((request) => this.batchesOf(request.businessId).add(request)));
  }

  claimableRequirements(businessId: string): Promise<Requirement[]> {
    return this.store.attempt(() => this.queues.requirements(businessId));
  }

  countAhead(job: JobRecord, maxCount: number): Promise<number> {
    return this.store.attempt(() => this.queues.countAhead(job, maxCount));
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
    let open = calls;
    for (let reads = 0; open.length > 0 && reads < MAX_READS; reads++) {
      open = await this.assignOnce(businessId, open);
    }
    for (const call of open) call.resolve([]);
  }

  /** Answers calls. Resolves with those whose nodes have changed meanwhile. */
  private async assignOnce(businessId: string, calls: readonly Call[]): Promise<readonly Call[]> {
    const [queues, nodes] = await Promise.all([
      this.queues.claimable(businessId),
      this.rooms.read(
        businessId,
        calls.map(({ item }) => item.nodeId),
        Math.max(...calls.map(({ item }) => item.nowMs)),
      ),
    ]);
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
      this.readHeads(queues, [...orders.values()], 0),
      this.rooms.readHeld(nodesOf(orders.values())),
    ]);
    const given = await this.give(businessId, orders, heads);
    for (const [call, jobs] of given) if (jobs) call.resolve(jobs);
    return [...given].flatMap(([call, jobs]) => (jobs ? [] : call));
  }

  /** Claims jobs for the calls. Resolves with what each gets: undefined if its node has changed meanwhile. */
  private async give(
    businessId: string,
    calls: ReadonlyMap<Call, Order>,
    queues: readonly MongoQueue[],
  ): Promise<Map<Call, Assigned[] | undefined>> {
    const orders = [...calls.values()];
    const beganMs = performance.now();
    const { assigned, changed } = await this.serve(businessId, orders, queues);
    if (isReservationOver(beganMs)) for (const { node } of orders) changed.add(node);
    await this.claims.undo(orders.flatMap(({ node, claims }) => (changed.has(node) ? claims : [])));
    for (const node of nodesOf(orders)) if (!changed.has(node)) this.rooms.settle(node);
    return new Map(
      [...calls].map(([call, { node, claims }]) => [
        call,
        changed.has(node) ? undefined : claims.flatMap((claim) => assigned.get(claim) ?? []),
      ]),
    );
  }

  /** Claims jobs for all orders. If that fails, nothing stays claimed. */
  private async serve(
    businessId: string,
    orders: readonly Order[],
    firstRead: readonly MongoQueue[],
  ): Promise<Progress> {
    const progress: Progress = { assigned: new Map(), changed: new Set() };
    try {
      await this.claimFor(businessId, orders, firstRead, progress);
      return progress;
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
    progress: Progress,
  ): Promise<void> {
    const deadlineMs = performance.now() + MAX_CLAIMING_MS;
    let skip = 0;
    let queues = firstRead;
    while (performance.now() < deadlineMs) {
      if (queues.length === 0 && skip === 0) return;
      const open = orders.filter(({ node }) => !progress.changed.has(node));
      const shares = await readShares(this.executions, businessId, queues);
      const forSlots = open.flatMap((order) => pick(order, queues, shares, 0));
      const ahead = open.flatMap((order) => pick(order, queues, shares, order.request.ahead ?? 0));
      const picked = [...forSlots, ...ahead];
      const lost = await this.claim(picked, orders, progress);
      const isDry = picked.length === 0 && skip === 0;
      const mayHaveMore = queues.some(({ hasMore, heads }) => hasMore && heads.length === 0);
      const isServed = lost === 0 && skip === 0 && !mayHaveMore;
      const isFull = lost === 0 && open.every((order) => order.claims.length >= order.request.limit);
      if (isDry || isServed || isFull) return;
      // Another server takes the same jobs, so begin elsewhere, but come back to the first jobs before giving up.
      skip = lost > 0 ? Math.floor(Math.random() * MAX_SKIP) : 0;
      queues = await this.readHeads(await this.queues.claimable(businessId), orders, skip);
    }
  }

  /** Claims what was picked, and reserves room for it. Resolves with how many jobs another server took. */
  private async claim(
    picked: readonly Picked[],
    orders: readonly Order[],
    { assigned, changed }: Progress,
  ): Promise<number> {
    const drafts = await this.claims.draft(picked.map(({ claim }) => claim));
    const wanted = reservedRooms(nodesOf(orders), drafts);
    const [won, reserved] = await settledTogether(this.claims.claim(drafts), this.rooms.reserve(wanted));
    for (const [claim, one] of won) assigned.set(claim, one);
    for (const node of wanted.keys()) if (!reserved.has(node)) changed.add(node);
    const lost = picked.filter(({ claim }) => !won.has(claim));
    for (const { order, claim, held } of lost) {
      order.claims.splice(order.claims.indexOf(claim), 1);
      order.node.held.splice(order.node.held.indexOf(held), 1);
    }
    return lost.length;
  }

  /** The queues whose jobs at least one of the nodes can run, each with enough heads for all orders. */
  private async readHeads(
    claimable: readonly ClaimableQueue[],
    orders: readonly Order[],
    skip: number,
  ): Promise<MongoQueue[]> {
    const wanted = orders.reduce((sum, { request, claims }) => sum + request.limit - claims.length, 0);
    const able = claimable.filter(({ requirement }) =>
      orders.some(({ node }) => mismatch(requirement, node.description) === undefined),
    );
    return this.queues.withHeads(able, skip, wanted);
  }
}
