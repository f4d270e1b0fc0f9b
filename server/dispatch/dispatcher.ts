import { inTime } from "../../shared/wait.ts";
import type { Bus } from "../bus/bus.ts";
import type { Assigned } from "../execution/execution-store.ts";
import { type NodeRecord, speakerOf } from "../node/node-store.ts";
import type { AssignRequest, AssignStore, Offer } from "./assign-store.ts";
import { mismatch } from "./matching.ts";

/** An ASSIGNED execution must become RUNNING within this time, or its job goes back to the queue. */
export const LEASE_MS = 15_000;

/** `close` waits this long for running rounds. The jobs of an unfinished round would be missing from the queue longer. */
const CLOSE_MS = 5_000;
/** How many waiting nodes are served in one write to the store. */
const NODES_PER_WRITE = 32;
const MAX_WAITING_NAMED = 32;

/** What a poll asks for. */
export interface Wish {
  /** The most jobs for free slots. */
  limit: number;
  /** How many jobs the node may get before it has slots for them, and when it asked, by `performance.now()`; absent: none. */
  ahead?: { count: number; askedAtMs: number };
}

/**
 * How long a wish for jobs ahead of free slots holds. An agent asks for them because its jobs ended quickly a moment ago; its next
 * poll says whether they still do.
 */
const AHEAD_HOLDS_MS = 250;

/** A parked poll. */
interface Waiter extends Wish {
  node: NodeRecord;
  /** Ends the wait: with work, or without work if there is another reason to answer. */
  resolve: (taken: Taken) => void;
}

/** A poll's look at the store. News of the node (`node` on the bus) that comes after it began may be missing from it. */
export interface Look extends Disposable {
  readonly hasNews: boolean;
}

/** `superseded`: a newer poll of the node waits now, so this one must not wait again. */
export type Taken = Assigned[] | "superseded";

/** The waiting nodes of one business, and what the next round has to look at. */
interface Room {
  waiters: Map<string, Waiter>;
  /** `all` nodes, or the ids of the nodes that have room again. Empty: no round is needed. */
  due: "all" | Set<string>;
  /** The current round, which goes on until nothing is due. */
  running: Promise<void> | undefined;
}

export interface DispatcherParts {
  assignments: AssignStore;
  bus: Bus;
  /** Epoch milliseconds. */
  now: () => number;
  /** Called when a round fails. The next `wake` or `wakeAll` tries again. */
  onError: (error: unknown) => void;
}

/**
 * Hands queued jobs to nodes that wait for work.
 *
 * Each business has a room with one waiter per node: the node's parked poll. A room without waiters is forgotten. What a
 * room does is driven by events:
 *
 * - A poll begins to wait (`take`): its node is due.
 * - `wake` on the bus (a submit, an ended job, a due retry, another server): all nodes of the business are due, or the one
 *   node that the message names.
 * - `wake` called by a store whose new jobs can be claimed before they are acknowledged: the same, sooner.
 * - `wakeAll`, every few seconds: all nodes are due, in case a message was lost.
 * - `node` on the bus (a cancelled job, a changed node): the waiter of that node ends without work, so that its poll looks
 *   at the store again and answers with the news.
 *
 * While nodes are due, a round runs: it takes what is due, leaves out nodes that could run none of the queued jobs, lets
 * the store assign jobs to the others, and ends the waiters of the nodes that got some. One round runs at a time per
 * business. An event during a round adds to what is due, and the round goes on with it.
 *
 * While no round runs, the store may give the nodes jobs that it is just creating (`offer`). That counts as a round.
 *
 * A node may ask for jobs ahead of free slots. It gets them only after every node of the round has got jobs for its free slots.
 *
 * An assignment is on disk before its waiter hears of it. If the waiter is gone by then, `node` is published: a poll that
 * waits at another server looks again, and any later poll finds the execution because the node does not hold it yet.
 */
export class Dispatcher {
  private readonly rooms = new Map<string, Room>();
  /** The looks of each node that have begun and are not disposed of. */
  private readonly looks = new Map<string, Set<{ hasNews: boolean }>>();
  private readonly unsubscribe: (() => void)[];

  constructor(private readonly parts: DispatcherParts) {
    this.unsubscribe = [
      parts.bus.subscribe("wake", ({ businessId, nodeId }) => this.wake(businessId, nodeId)),
      parts.bus.subscribe("node", (node) => this.release(node)),
    ];
  }

  /** Begins a look at the store. Pass it to `take`, and dispose of it in any case. */
  look(nodeId: string): Look {
    const looks = this.looks.get(nodeId) ?? new Set();
    this.looks.set(nodeId, looks);
    const end = () => {
      looks.delete(look);
      if (looks.size === 0) this.looks.delete(nodeId);
    };
    const look = { hasNews: false, [Symbol.dispose]: end };
    looks.add(look);
    return look;
  }

  /**
   * Waits until there is work for the node, `waitMs` is over, `signal` aborts, or the node has orders to fetch (`node` on
   * the bus, since `look` began). Without work it resolves with an empty list. A newer wait of the same node ends an older
   * one, which resolves with `superseded`.
   */
  take(node: NodeRecord, wish: Wish, waitMs: number, signal: AbortSignal, look?: Look): Promise<Taken> {
    return new Promise((resolve) => {
      if (signal.aborted || look?.hasNews) return resolve([]);
      this.waiterOf(node)?.resolve("superseded");
      const room = this.roomOf(node.businessId);
      const finish = (taken: Taken) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        if (room.waiters.get(node.nodeId) === waiter) room.waiters.delete(node.nodeId);
        this.forgetIfEmpty(node.businessId);
        resolve(taken);
      };
      const giveUp = () => finish([]);
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener("abort", giveUp);
      const waiter: Waiter = { ...wish, node, resolve: finish };
      room.waiters.set(node.nodeId, waiter);
      if (wish.limit > 0) this.wake(node.businessId, node.nodeId);
    });
  }

  /** Looks for work for every waiting node, in case a message was lost. */
  wakeAll(): void {
    for (const businessId of this.rooms.keys()) this.wake(businessId);
  }

  /** Ends every wait, and waits up to `CLOSE_MS` for running rounds. */
  async close(): Promise<void> {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    const rooms = [...this.rooms.values()];
    for (const room of rooms) {
      for (const waiter of [...room.waiters.values()]) waiter.resolve([]);
    }
    await inTime(CLOSE_MS, Promise.all(rooms.map((room) => room.running)));
  }

  /** Some nodes of a business that wait for jobs at this server. */
  waitingIn(businessId: string): NodeRecord[] {
    const waiters = this.rooms.get(businessId)?.waiters;
    return waiters
      ? [
          ...waiters
            .values()
            .take(MAX_WAITING_NAMED)
            .map(({ node }) => node),
        ]
      : [];
  }

  wake(businessId: string, nodeId?: string): void {
    const room = this.rooms.get(businessId);
    if (!room || room.waiters.size === 0) return;
    if (nodeId === undefined) room.due = "all";
    else if (room.due !== "all") room.due.add(nodeId);
    if (!room.running) this.begin(businessId, room);
  }

  /** What the waiting nodes of the business offer, unless jobs are being looked for. No round begins until it is closed. */
  offer(businessId: string): Offer | undefined {
    const room = this.rooms.get(businessId);
    if (!room || room.running || isDue(room)) return undefined;
    const waiters = [...room.waiters.values().take(NODES_PER_WRITE)].filter(({ limit }) => limit > 0);
    if (waiters.length === 0) return undefined;
    const closed = Promise.withResolvers<void>();
    this.run(businessId, room, closed.promise);
    return {
      requests: this.requestsFor(waiters, false),
      close: (assigned, isMore) => {
        this.handOver(room, waiters, assigned);
        if (isMore) room.due = "all";
        closed.resolve();
      },
    };
  }

  private begin(businessId: string, room: Room): void {
    this.run(businessId, room, this.serve(businessId, room));
  }

  private run(businessId: string, room: Room, round: Promise<void>): void {
    room.running = round.catch(this.parts.onError).finally(() => {
      room.running = undefined;
      // An event after the round's last look found the round still running and started none.
      if (isDue(room) && room.waiters.size > 0) this.begin(businessId, room);
      else this.forgetIfEmpty(businessId);
    });
  }

  private async serve(businessId: string, room: Room): Promise<void> {
    while (isDue(room)) {
      const due = room.due;
      room.due = new Set();
      const woken =
        due === "all" ? room.waiters.values() : [...due].flatMap((nodeId) => room.waiters.get(nodeId) ?? []);
      const waiters = [...woken].filter((waiter) => waiter.limit > 0);
      if (waiters.length === 1) await this.assign(room, waiters, true);
      else await this.serveMany(businessId, room, waiters);
    }
  }

  /** One write serves free slots first. With several, none may hand out jobs ahead before all have served them. */
  private async serveMany(businessId: string, room: Room, waiters: readonly Waiter[]): Promise<void> {
    const isOneWrite = waiters.length <= NODES_PER_WRITE;
    const isMore = await this.serveInWrites(businessId, room, waiters, isOneWrite);
    if (isOneWrite || !isMore) return;
    const still = waiters.filter((waiter) => room.waiters.get(waiter.node.nodeId) === waiter);
    await this.serveInWrites(businessId, room, still.filter(aheadNow), true);
  }

  /** Resolves with whether there may be more jobs to hand out. */
  private async serveInWrites(
    businessId: string,
    room: Room,
    waiters: readonly Waiter[],
    withAhead: boolean,
  ): Promise<boolean> {
    for (let i = 0; i < waiters.length; i += NODES_PER_WRITE) {
      const requirements = await this.parts.assignments.claimableRequirements(businessId);
      if (requirements.length === 0) return false;
      const able = waiters
        .slice(i, i + NODES_PER_WRITE)
        .filter(({ node }) =>
          requirements.some((requirement) => mismatch(requirement, node.description) === undefined),
        );
      await this.assign(room, able, withAhead);
    }
    return true;
  }

  private async assign(room: Room, waiters: readonly Waiter[], withAhead: boolean): Promise<void> {
    if (waiters.length === 0) return;
    const requests = this.requestsFor(waiters, withAhead);
    this.handOver(room, waiters, await this.parts.assignments.assign(requests));
  }

  private requestsFor(waiters: readonly Waiter[], withAhead: boolean): AssignRequest[] {
    const nowMs = this.parts.now();
    return waiters.map((waiter) => {
      const { nodeId, businessId } = waiter.node;
      const ahead = withAhead ? aheadNow(waiter) : 0;
      const by = speakerOf(waiter.node);
      const limit = waiter.limit + ahead;
      return { nodeId, businessId, by, limit, ahead, nowMs, leaseExpiresAtMs: nowMs + LEASE_MS };
    });
  }

  /** Ends the waits of the nodes that got jobs, which are on disk. */
  private handOver(room: Room, waiters: readonly Waiter[], assigned: readonly Assigned[][]): void {
    for (const [i, { node }] of waiters.entries()) {
      const work = assigned[i] ?? [];
      if (work.length === 0) continue;
      const { businessId } = node;
      const ids = work.map(({ job }) => job.jobId);
      this.parts.bus.publish("activity", { businessId, subject: "jobs", ids });
      const waiter = room.waiters.get(node.nodeId);
      // The node's current waiter gets the work, even if it is not the one that the round began with.
      if (waiter) waiter.resolve(work);
      else this.parts.bus.publish("node", { nodeId: node.nodeId, businessId: node.businessId });
    }
  }

  private release(node: Pick<NodeRecord, "businessId" | "nodeId">): void {
    for (const look of this.looks.get(node.nodeId) ?? []) look.hasNews = true;
    this.waiterOf(node)?.resolve([]);
  }

  private waiterOf({ businessId, nodeId }: Pick<NodeRecord, "businessId" | "nodeId">): Waiter | undefined {
    return this.rooms.get(businessId)?.waiters.get(nodeId);
  }

  private forgetIfEmpty(businessId: string): void {
    const room = this.rooms.get(businessId);
    if (room && room.waiters.size === 0 && !room.running) this.rooms.delete(businessId);
  }

  private roomOf(businessId: string): Room {
    let room = this.rooms.get(businessId);
    if (!room) {
      room = { waiters: new Map(), due: new Set(), running: undefined };
      this.rooms.set(businessId, room);
    }
    return room;
  }
}

/** How many jobs the node wants ahead of free slots. */
function aheadNow({ ahead }: Waiter): number {
  return ahead && performance.now() - ahead.askedAtMs < AHEAD_HOLDS_MS ? ahead.count : 0;
}

function isDue({ due }: Room): boolean {
  return due === "all" || due.size > 0;
}
