import type { Identity } from "../../shared/auth.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { grantsFor, withinGrants } from "../../shared/grants.ts";
import { newId } from "../../shared/ids.ts";
import { limits } from "../../shared/limits.ts";
import type { Logger } from "../../shared/logger.ts";
import type { AgentRun, NodeCondition, NodeDescription, NodeOrders } from "../../shared/node.ts";
import { sessionEnded } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { Assigned, ExecutionStore, LiveExecution } from "../execution/execution-store.ts";
import type { NodeIdentity } from "../http/handler.ts";
import { type Claim, claimNode, inWords, keyRefused, refuseUnlessSpeaker } from "../node/claim.ts";
import { freeName } from "../node/namesakes.ts";
import { type KeyIssuer, notFound } from "../node/node-service.ts";
import {
  isSameCondition,
  type NodeChange,
  type NodeRecord,
  type NodeStore,
  takesWork,
} from "../node/node-store.ts";
import { HEARTBEAT_MS, OFFLINE_AFTER_MS } from "../node/silence.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { ordersFor, SentOrders, starting, undelivered, vanished } from "./orders.ts";

/** What a node was before it first said how it is. */
const AWAKE: NodeCondition = { suspended: false };

/** A heartbeat may have been on its way this long: what started later may be missing in it though it runs. */
const VANISHED_AFTER_MS = 20_000;

const MAX_REFUSED_CLAIMS = 1_000;

type SignOfLife = Pick<ParsedInput<"nodes.heartbeat">, "executions" | "condition">;

/** How long a poll may wait. */
export function pollWaitMs({
  waitSeconds,
  condition,
}: Pick<ParsedInput<"nodes.poll">, "waitSeconds" | "condition">): number {
  const longest = condition.suspended ? limits.maxSuspendedWaitSeconds : limits.maxWaitSeconds;
  return Math.min(waitSeconds, longest) * 1_000;
}

/** Of polls only those are written down that say something: a node that is awake sends heartbeats as well. */
export function isSignOfLife(by: NodeIdentity, condition: NodeCondition, nowMs: number): boolean {
  // Heard of later than now: the clock was ahead then.
  const isSilent = Math.abs(nowMs - by.lastHeardAtMs) >= HEARTBEAT_MS;
  return condition.suspended || isSilent || !isSameCondition(by.condition, condition);
}

export interface AgentServiceParts {
  nodes: NodeStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  dispatcher: Dispatcher;
  keys: KeyIssuer;
  bus: Bus;
  log: Logger;
  now: () => number;
  /** From when on the silence of nodes counts, epoch milliseconds: since then this server listens. */
  listeningSinceMs: () => number;
}

/**
 * What agents say, and the answers they get: registration, signs of life, work and orders. A poll waits here for its
 * jobs; the dispatcher hands them out.
 */
export class AgentService {
  private readonly sentOrders = new SentOrders();
  /** Node and run of claims that were refused and are in the log. */
  private readonly refusedClaims = new RecentMap<true>(MAX_REFUSED_CLAIMS);

  constructor(private readonly parts: AgentServiceParts) {}

  /** A user makes a node, or takes one over with a new key: also the one that was made with this idempotency key. */
  async registerByUser(
    by: Identity,
    input: ParsedInput<"nodes.register">,
    idempotencyKey?: string,
  ): Promise<{ node: NodeRecord; nodeKey: string }> {
    const { nodes, keys, now } = this.parts;
    const nodeId = input.nodeId ?? newId("node");
    const { key, hash } = await keys.issue(nodeId);
    const changed = {
      userId: by.userId,
      sessionId: by.sessionId,
      description: input.description,
      offline: false,
      accessEnded: false,
      keyHash: hash,
      lastHeartbeatAtMs: now(),
      run: input.run,
      grants: grantsFor(input.description),
      ungranted: undefined,
    };
    if (input.nodeId)
      return { node: await this.take(by.businessId, nodeId, () => changed, input), nodeKey: key };
    const node: NodeRecord = {
      ...changed,
      description: await this.named(by.businessId, input, input.description, undefined),
      nodeId,
      businessId: by.businessId,
      draining: false,
      condition: AWAKE,
      createdAtMs: now(),
    };
    const inserted = await nodes.insert(node, idempotencyKey);
    if (inserted.nodeId === nodeId) return { node, nodeKey: key };
    return this.registerByUser(by, { ...input, nodeId: inserted.nodeId });
  }

  /** An agent that started again announces its node anew. */
  async registerByNode(by: NodeIdentity, input: ParsedInput<"nodes.register">): Promise<NodeRecord> {
    if (input.nodeId && input.nodeId !== by.nodeId) throw notFound(input.nodeId);
    const changed = { offline: false, lastHeartbeatAtMs: this.parts.now() };
    const within = ({ grants, description }: NodeRecord) => {
      const granted = grants ?? grantsFor(description);
      return { ...changed, grants: granted, ...withinGrants(input.description, granted, description.pool) };
    };
    return this.take(by.businessId, by.nodeId, within, input);
  }

  private async named(
    businessId: string,
    { isNameOfHost }: ParsedInput<"nodes.register">,
    description: NodeDescription,
    current: string | undefined,
  ): Promise<NodeDescription> {
    if (!isNameOfHost) return description;
    return { ...description, name: await freeName(this.parts.nodes, businessId, description.name, current) };
  }

  /** Lets the run that registers have the node. Throws `node_in_use` where another has it. */
  private async take(
    businessId: string,
    nodeId: string,
    changeOf: (before: NodeRecord) => NodeChange & Pick<NodeRecord, "description">,
    input: ParsedInput<"nodes.register">,
  ): Promise<NodeRecord> {
    const { nodes, bus, log, now, listeningSinceMs } = this.parts;
    const { run, executions } = input;
    for (;;) {
      const before = await nodes.find(businessId, nodeId);
      if (!before || before.removedAtMs !== undefined) throw notFound(nodeId);
      const silence = {
        nowMs: now(),
        listeningSinceMs: listeningSinceMs(),
        offlineAfterMs: OFFLINE_AFTER_MS,
      };
      const claim = this.claimSaid(before, run, () => claimNode(before, run, silence));
      const expected = { runId: before.run?.runId };
      const change = changeOf(before);
      const description = await this.named(businessId, input, change.description, before.description.name);
      const node = await nodes.update(businessId, nodeId, { ...change, description, run }, expected);
      // Another run was faster, and then it is that one that has the node.
      if (!node) continue;
      bus.publish("node", { businessId, nodeId });
      if (before.run && run && before.run.runId !== run.runId && before.run.place !== run.place) {
        const [from, to] = [inWords(before.run), inWords(run)];
        log.warn("a node goes to an agent at another place", { nodeId, from, to });
      }
      await this.giveUpVanished(node, executions, claim);
      return node;
    }
  }

  /** An agent asks again and again while its node is another's; the log has it once. */
  private claimSaid(node: NodeRecord, run: AgentRun | undefined, claim: () => Claim): Claim {
    try {
      return claim();
    } catch (error) {
      const who = `${node.nodeId} ${run?.runId}`;
      if (!this.refusedClaims.get(who)) {
        const { nodeId } = node;
        const [has, asks] = [node.run && inWords(node.run), run && inWords(run)];
        this.parts.log.warn("an agent asks for a node that another agent has", { nodeId, has, asks });
        this.refusedClaims.set(who, true);
      }
      throw error;
    }
  }

  async heartbeat(by: NodeIdentity, input: ParsedInput<"nodes.heartbeat">): Promise<NodeOrders> {
    const { nodes, executions, bus } = this.parts;
    // Asked before it is known whether this run still has the node: of what another one has begun nothing is given up.
    const live = await executions.live({ nodeId: by.nodeId });
    const node = await this.heard(by, input);
    // With a job on its way to it the node is given the time to come back that every node is given.
    if (input.leaving && (await nodes.leave(by.businessId, by.nodeId, by))) bus.publish("node", node);
    if (by.sessionEnded) throw sessionEnded();
    await this.giveUpUnheld(live, input.executions);
    // As long as the node is heard of, it is at work on them; one that is not is OFFLINE by then, and they are given up.
    const startingNow = starting(live, input.executions);
    await this.parts.executionService.renewLeases(startingNow, this.parts.now() + OFFLINE_AFTER_MS);
    const orders = ordersFor(node, live, input.executions, this.parts.now());
    this.sentOrders.sent(by.nodeId, orders);
    return orders;
  }

  /**
   * Answers as soon as there is work or a new order, else when the wait is over. A node that sleeps sends nothing else:
   * for as long as its poll waits here, it counts as alive. One whose machine lost its power leaves a connection
   * behind that looks open, and is missed when the next poll does not come.
   */
  async poll(
    by: NodeIdentity,
    input: ParsedInput<"nodes.poll">,
    signal: AbortSignal,
  ): Promise<{ orders: NodeOrders; assigned: Assigned[] }> {
    if (!input.condition.suspended) return this.answerPoll(by, input, signal);
    const { nodes, now } = this.parts;
    const timer = setInterval(() => {
      // A store that fails once is asked again at the next beat, and whoever polls next is told of it.
      if (!signal.aborted) nodes.heartbeat(by.nodeId, now(), input.condition, by).catch(() => undefined);
    }, HEARTBEAT_MS);
    try {
      return await this.answerPoll(by, input, signal);
    } finally {
      clearInterval(timer);
    }
  }

  private async answerPoll(
    by: NodeIdentity,
    input: ParsedInput<"nodes.poll">,
    signal: AbortSignal,
  ): Promise<{ orders: NodeOrders; assigned: Assigned[] }> {
    const { nodes, executions, dispatcher, now } = this.parts;
    const deadlineMs = performance.now() + pollWaitMs(input);
    if (isSignOfLife(by, input.condition, now())) {
      const live = await executions.live({ nodeId: by.nodeId });
      await this.heard(by, input);
      await this.giveUpUnheld(live, input.executions);
    }
    for (;;) {
      const node = await nodes.find(by.businessId, by.nodeId);
      // Its key was replaced, its node was removed or given to another run while this waited.
      refuseUnlessSpeaker(node, by);
      if (node.accessEnded) throw sessionEnded();
      const live = await executions.live({ nodeId: by.nodeId });
      const orders = ordersFor(node, live, input.executions, now());
      const again = undelivered(live, input.executions).map((one) => one.execution.executionId);
      const remainingMs = deadlineMs - performance.now();
      const isNews = this.sentOrders.isNews(by.nodeId, orders);
      if (again.length > 0 || isNews || remainingMs <= 0 || signal.aborted) {
        this.sentOrders.sent(by.nodeId, orders);
        return { orders, assigned: again.length > 0 ? await this.findAdmitted(by.nodeId, again) : [] };
      }
      const limit = takesWork(node) ? input.maxAssignments : 0;
      const taken = await dispatcher.take(node, limit, remainingMs, signal);
      // Two polls that both went on would end each other for as long as they wait.
      if (taken === "superseded") return { orders, assigned: [] };
      const assigned = await this.parts.executionService.admit(taken);
      if (assigned.length > 0) return { orders: { ...orders, now: new Date(now()).toISOString() }, assigned };
    }
  }

  /** Of a server that died they may have been handed out without it. */
  private async findAdmitted(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]> {
    const { executions, executionService } = this.parts;
    return executionService.admit(await executions.findOfNode(nodeId, executionIds));
  }

  /** The node is alive, and is as it says. */
  private async heard(by: NodeIdentity, { condition }: SignOfLife): Promise<NodeRecord> {
    const { nodes, bus, now } = this.parts;
    const node = await nodes.heartbeat(by.nodeId, now(), condition, by);
    if (!node) {
      refuseUnlessSpeaker(await nodes.findAny(by.nodeId), by);
      throw keyRefused();
    }
    // A poll that waits was told what the node takes when it began.
    if (!isSameCondition(by.condition, condition)) bus.publish("node", node);
    return node;
  }

  /** What should run there, but the agent does not know of. */
  private giveUpUnheld(live: readonly LiveExecution[], held: readonly string[]): Promise<void> {
    const { executionService, now } = this.parts;
    const gone = vanished(live, held, now() - VANISHED_AFTER_MS).map((one) => one.execution);
    return executionService.giveUp(gone, "AgentRestarted", "The agent no longer runs it.");
  }

  /** What ran under an earlier run of the agent and did not survive it. */
  private async giveUpVanished(node: NodeRecord, held: readonly string[], claim: Claim): Promise<void> {
    const { executions, executionService } = this.parts;
    const live = await executions.live({ nodeId: node.nodeId });
    if (claim === "elsewhere") {
      // What the silent one was handed it may have begun: it must not be handed out again as if nobody had it.
      const lost = live.map((one) => one.execution).filter((one) => !held.includes(one.executionId));
      const why = "The node fell silent, and another agent has taken it.";
      return executionService.giveUp(lost, "NodeLost", why);
    }
    const gone = vanished(live, held, Number.POSITIVE_INFINITY).map((one) => one.execution);
    const why = "The agent restarted and the job did not survive it.";
    await executionService.giveUp(gone, "AgentRestarted", why);
  }
}
