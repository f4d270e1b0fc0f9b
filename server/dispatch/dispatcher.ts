import { inTime } from "../../shared/wait.ts";
import type { Bus } from "../bus/bus.ts";
import type { Assigned } from "../execution/execution-store.ts";
import { type NodeRecord, speakerOf } from "../node/node-store.ts";
import type { AssignStore } from "./assign-store.ts";
import { mismatch } from "./matching.ts";

/** ASSIGNED must become RUNNING within this, or the job goes back to the queue. */
export const LEASE_MS = 15_000;

/** A stop waits this long for rounds on their way: what they wrote would stay locked, and be missed, for longer. */
const CLOSE_MS = 5_000;
/** How many waiting nodes are served in one write to the store. */
const NODES_PER_WRITE = 32;

interface Waiter {
  node: NodeRecord;
  limit: number;
  /** Ends the wait, with work or, woken for another cause, without. */
  resolve: (taken: Taken) => void;
}

/** `superseded`: the node waits anew elsewhere, so whoever waited here need not go on. */
export type Taken = Assigned[] | "superseded";

/** The waiting nodes of one business, and what the next round has to look at. */
interface Room {
  waiters: Map<string, Waiter>;
  /** `all` nodes, or those that have room again. */
  due: "all" | Set<string>;
  running: Promise<void> | undefined;
}

/**
 * Hands queued jobs to nodes that wait for work. Driven by events: a poll that begins to wait, and every `wake` of
 * the bus (a submit, an ended job, a due retry, another server). One round at a time per business; what happens
 * during a round makes another one.
 */
export class Dispatcher {
  private readonly rooms = new Map<string, Room>();
  private readonly unsubscribe: (() => void)[];

  constructor(
    private readonly assignments: AssignStore,
    private readonly bus: Bus,
    private readonly now: () => number,
    private readonly onError: (error: unknown) => void,
  ) {
    this.unsubscribe = [
      bus.subscribe("wake", ({ businessId, nodeId }) => this.wake(businessId, nodeId)),
      bus.subscribe("node", (node) => this.release(node)),
    ];
  }

  /**
   * Waits until there is work for the node, `waitMs` is over, `signal` aborts, or the node has orders to fetch
   * (`node` on the bus); without work the answer is empty. A newer wait of the same node ends an older one.
   */
  take(node: NodeRecord, limit: number, waitMs: number, signal: AbortSignal): Promise<Taken> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve([]);
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
      const waiter: Waiter = { node, limit, resolve: finish };
      room.waiters.set(node.nodeId, waiter);
      if (limit > 0) this.wake(node.businessId, node.nodeId);
    });
  }

  /** Looks for work for every waiting node: the safety net under lost messages. */
  wakeAll(): void {
    for (const businessId of this.rooms.keys()) this.wake(businessId);
  }

  /** Ends every wait, and waits for the rounds on their way. */
  async close(): Promise<void> {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    const rooms = [...this.rooms.values()];
    for (const room of rooms) {
      for (const waiter of [...room.waiters.values()]) waiter.resolve([]);
    }
    await inTime(CLOSE_MS, Promise.all(rooms.map((room) => room.running)));
  }

  private wake(businessId: string, nodeId?: string): void {
    const room = this.rooms.get(businessId);
    if (!room || room.waiters.size === 0) return;
    if (nodeId === undefined) room.due = "all";
    else if (room.due !== "all") room.due.add(nodeId);
    if (!room.running) this.begin(businessId, room);
  }

  private begin(businessId: string, room: Room): void {
    room.running = this.serve(businessId, room)
      .catch(this.onError)
      .finally(() => {
        room.running = undefined;
        // What came after the last look of the round and before its end has found it running.
        if (isDue(room) && room.waiters.size > 0) this.begin(businessId, room);
        else this.forgetIfEmpty(businessId);
      });
  }

  private async serve(businessId: string, room: Room): Promise<void> {
    while (isDue(room)) {
      const due = room.due;
      room.due = new Set();
      const waiters = [...room.waiters.values()].filter(
        (waiter) => waiter.limit > 0 && (due === "all" || due.has(waiter.node.nodeId)),
      );
      for (let i = 0; i < waiters.length; i += NODES_PER_WRITE) {
        const wanted = await this.assignments.claimableRequirements(businessId);
        if (wanted.length === 0) break;
        const able = waiters
          .slice(i, i + NODES_PER_WRITE)
          .filter(({ node }) =>
            wanted.some((requirement) => mismatch(requirement, node.description) === undefined),
          );
        await this.assign(room, able);
      }
    }
  }

  private async assign(room: Room, waiters: Waiter[]): Promise<void> {
    if (waiters.length === 0) return;
    const nowMs = this.now();
    const assigned = await this.assignments.assign(
      waiters.map(({ node, limit }) => ({
        nodeId: node.nodeId,
        businessId: node.businessId,
        by: speakerOf(node),
        limit,
        nowMs,
        leaseExpiresAtMs: nowMs + LEASE_MS,
      })),
    );
    for (const [i, { node }] of waiters.entries()) {
      const work = assigned[i] ?? [];
      if (work.length === 0) continue;
      const waiter = room.waiters.get(node.nodeId);
      // Whoever waits for this node by now gets it. Where nobody does, its next poll finds it as not yet held; one that
      // has begun at another server must look again.
      if (waiter) waiter.resolve(work);
      else this.bus.publish("node", { nodeId: node.nodeId, businessId: node.businessId });
    }
  }

  private release(node: Pick<NodeRecord, "businessId" | "nodeId">): void {
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

function isDue({ due }: Room): boolean {
  return due === "all" || due.size > 0;
}
