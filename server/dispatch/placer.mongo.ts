import type { Collection } from "mongodb";
import type { Assigned } from "../execution/execution-store.ts";
import type { ExecutionDocument } from "../job/job-documents.mongo.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { PlacedJob, Placement, Placer } from "../job/placement.mongo.ts";
import { waitsAhead } from "../job/requirement.ts";
import { executionDocument } from "../job/run-documents.mongo.ts";
import { isSpeaker } from "../node/node-store.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { Offer, OfferSource } from "./assign-store.ts";
import { assignmentOf } from "./assignment.ts";
import { type ClaimDraft, expiryOf, type MongoClaims, settledTogether } from "./claims.mongo.ts";
import { isReservationOver, type NodeRoom, type NodeRooms } from "./node-rooms.mongo.ts";
import { nodesOf, type Order, pick, reservedRooms } from "./orders.mongo.ts";
import { Shares } from "./picking.ts";
import { type MongoQueue, queueOfAll } from "./queues.mongo.ts";

interface Parts {
  rooms: NodeRooms;
  claims: MongoClaims;
}

/**
 * Gives jobs to nodes that wait for them, while they are created: the job is written with its run, next to its execution and
 * the reservation on its node. That is one round trip instead of three, and no read.
 *
 * It is only for nodes that keep a free slot, so a job of another server that comes first is never kept waiting; and only
 * for jobs that take nothing but a slot. All other jobs go through the queue.
 */
export class MongoPlacer implements Placer {
  private readonly executions: Collection<ExecutionDocument>;
  private offerOf: OfferSource = () => undefined;

  constructor(
    store: MongoStore,
    private readonly parts: Parts,
  ) {
    this.executions = store.collection("compute_executions");
  }

  useOffers(source: OfferSource): void {
    this.offerOf = source;
  }

  begin(jobs: readonly JobRecord[]): Placement | undefined {
    const [first] = jobs;
    if (!first || !waitsAhead(first.queueKey)) return undefined;
    // On a busy server there is none, and the other jobs are not looked at.
    const offer = this.offerOf(first.businessId);
    if (!offer) return undefined;
    const queue = queueOfAll(jobs);
    const orders = queue ? this.ordersFor(offer, queue) : [];
    const picked = queue ? orders.flatMap((order) => pick(order, [queue], new Shares(new Map()), 0)) : [];
    if (picked.length === 0) {
      offer.close([], false);
      return undefined;
    }
    const byId = new Map(jobs.map((job) => [job.jobId, job]));
    const drafts = picked.flatMap(({ claim }): ClaimDraft[] => {
      const queued = byId.get(claim.jobId);
      return queued ? [{ claim, queued, version: 1, ...assignmentOf(claim.request, queued, claim) }] : [];
    });
    return new MongoPlacement(this.executions, this.parts, { offer, drafts, nodes: nodesOf(orders) });
  }

  /** The nodes that keep a free slot when they have got all jobs of the queue. */
  private ordersFor({ requests }: Offer, { heads }: MongoQueue): Order[] {
    return requests.flatMap((request): Order[] => {
      const node = this.parts.rooms.prepared(request.nodeId);
      if (!node || request.limit <= heads.length) return [];
      if (request.by && !isSpeaker(node.speaker, request.by)) return [];
      return [{ request, node, claims: [] }];
    });
  }
}

interface Plan {
  offer: Offer;
  drafts: readonly ClaimDraft[];
  nodes: readonly NodeRoom[];
}

class MongoPlacement implements Placement {
  readonly placed: ReadonlyMap<JobRecord, PlacedJob>;
  private readonly beganMs = performance.now();
  /** The nodes whose jobs are theirs, if these are created. */
  private reserved: ReadonlySet<NodeRoom> = new Set();
  private written: Promise<void> | undefined;

  constructor(
    private readonly executions: Collection<ExecutionDocument>,
    private readonly parts: Parts,
    private readonly plan: Plan,
  ) {
    this.placed = new Map(
      plan.drafts.map(({ queued, job, execution, claim }) => [
        queued,
        { job, run: { execution, version: 1 }, claimExpiresAtMs: expiryOf(claim.request) },
      ]),
    );
  }

  write(): Promise<void> {
    this.written = this.writeBoth();
    return this.written;
  }

  private async writeBoth(): Promise<void> {
    const { drafts, nodes } = this.plan;
    try {
      const [, reserved] = await settledTogether(
        this.executions.insertMany(
          drafts.map(({ execution }) => executionDocument(execution)),
          { ordered: false },
        ),
        this.parts.rooms.reserve(reservedRooms(nodes, drafts)),
      );
      this.reserved = reserved;
    } catch {
      // The jobs go to the queue.
    }
  }

  async end(created: ReadonlySet<JobRecord>): Promise<ReadonlySet<JobRecord>> {
    const { offer, drafts } = this.plan;
    await this.written;
    const reservedIds = new Set([...this.reserved].map(({ nodeId }) => nodeId));
    const isLate = isReservationOver(this.beganMs);
    const isGiven = ({ queued, execution }: ClaimDraft) =>
      !isLate && created.has(queued) && reservedIds.has(execution.nodeId);
    const given = drafts.filter(isGiven);
    const undone = drafts.filter((draft) => !isGiven(draft));
    // If the store is away, `releaseOrphans` does it.
    await this.parts.claims.undo(undone.map(({ claim }) => claim)).catch(() => undefined);
    for (const node of this.reserved) this.parts.rooms.settle(node);
    const byNode = Map.groupBy<string, Assigned>(given, ({ execution }) => execution.nodeId);
    const works = offer.requests.map(({ nodeId }) => byNode.get(nodeId) ?? []);
    offer.close(works, undone.length > 0);
    return new Set(given.map(({ queued }) => queued));
  }
}
