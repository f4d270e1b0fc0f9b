import type { Identity } from "../../shared/auth.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { grantsFor, type NodeGrants, withinGrants } from "../../shared/grants.ts";
import { newId } from "../../shared/ids.ts";
import type { Logger } from "../../shared/logger.ts";
import type { AgentRun, NodeCondition, NodeDescription, NodeOrders } from "../../shared/node.ts";
import { sessionEnded } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { EnrolmentService } from "../enrolment/enrolment-service.ts";
import type { EnrolmentRecord } from "../enrolment/enrolment-store.ts";
import { enrolled, offersOf } from "../enrolment/offers.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { Assigned, ExecutionStore, LiveExecution } from "../execution/execution-store.ts";
import type { EnrolmentIdentity, NodeIdentity } from "../http/handler.ts";
import { isCurrent } from "../job/job-record.ts";
import { type Claim, claimNode, inWords, keyRefused, refuseUnlessSpeaker } from "../node/claim.ts";
import { freeName } from "../node/namesakes.ts";
import { type KeyIssuer, notFound } from "../node/node-service.ts";
import {
  isEnrolled,
  isSameCondition,
  type NodeChange,
  type NodeRecord,
  type NodeStore,
} from "../node/node-store.ts";
import { HEARTBEAT_MS, OFFLINE_AFTER_MS } from "../node/silence.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { type LoadHistory, recordLoad } from "./load.ts";
import { collectingUntil, ordersFor, SentOrders, starting, undelivered, vanished, wishOf } from "./orders.ts";
import { isSignOfLife, pollWaitMs } from "./poll-rules.ts";

/** The condition of a node that has not reported any yet. */
const AWAKE: NodeCondition = { suspended: false };

/** A heartbeat may be this old when it arrives, so an execution that started within this time may be missing from it. */
const VANISHED_AFTER_MS = 20_000;

/** How soon a poll looks again at executions of which it is not known yet whether they are their jobs'. */
const UNDECIDED_MS = 500;

const MAX_REFUSED_CLAIMS = 1_000;

type SignOfLife = Pick<ParsedInput<"nodes.heartbeat">, "executions" | "condition">;

/** Who registers a node with a new key, and what the node then offers. */
type Registrar = Pick<Identity, "businessId" | "userId" | "sessionId"> &
  Pick<NodeRecord, "description" | "ungranted"> & { grants: NodeGrants };

export interface AgentServiceParts {
  nodes: NodeStore;
  executions: ExecutionStore;
  executionService: ExecutionService;
  dispatcher: Dispatcher;
  keys: KeyIssuer;
  enrolments: Pick<EnrolmentService, "use" | "find">;
  /** Keeps what nodes and executions use. */
  history: LoadHistory;
  bus: Bus;
  log: Logger;
  now: () => number;
  /** Agents are told to replace a key that is older. */
  keyMaxAgeMs: number;
  /** When this server began to listen, epoch milliseconds. A node's silence counts only from then on. */
  listeningSinceMs: () => number;
}

/**
 * The server's side of its conversation with agents.
 *
 * - **Register.** A run of an agent takes a node, new or known. From then on only that run speaks for the node; calls of
 *   an earlier run or with an old key are refused.
 * - **Heartbeat.** The node is alive. The heartbeat lists the executions it holds, and its answer is every order that the
 *   node should carry out: which executions to cancel, and which to abandon because the server no longer counts on them.
 * - **Poll.** The node asks for work. A poll that has nothing to report waits in the dispatcher, and ends as soon as there
 *   is work or a new order. A suspended node sends nothing else, so its waiting poll counts as its heartbeat.
 *
 * Every call lists the executions that the node holds. The server compares the list with its store, and that comparison
 * repairs what a lost answer or a dead process left behind: an assigned execution that the node lacks is handed out
 * again, a running execution that the node lacks is given up, and an execution that the store does not list as live is
 * abandoned. What a node starts or ends is reported elsewhere, to `ExecutionService.report`.
 */
export class AgentService {
  private readonly sentOrders = new SentOrders();
  /** Refused claims, by node and run, that were logged already. */
  private readonly refusedClaims = new RecentMap<true>(MAX_REFUSED_CLAIMS);

  constructor(private readonly parts: AgentServiceParts) {}

  /**
   * A user registers a new node, or takes over an existing one with a new key: the one that `input` names, or the one that
   * was created with this idempotency key.
   */
  registerByUser(
    by: Identity,
    input: ParsedInput<"nodes.register">,
    idempotencyKey?: string,
  ): Promise<{ node: NodeRecord; nodeKey: string }> {
    const grants = grantsFor(input.description);
    return this.registerNew({ ...by, grants, description: input.description }, input, idempotencyKey);
  }

  /**
   * A machine registers a new node with an enrolment token, once per idempotency key. The token's pool and labels are the
   * node's from now on; what else the agent announces waits for a grant.
   */
  async registerByEnrolment(
    by: EnrolmentIdentity,
    input: ParsedInput<"nodes.register">,
    idempotencyKey: string = crypto.randomUUID(),
  ): Promise<{ node: NodeRecord; nodeKey: string }> {
    if (input.nodeId) throw notFound(input.nodeId);
    const enrolment = await this.parts.enrolments.use(by, idempotencyKey);
    const { businessId, userId, enrolmentId } = by;
    const { grants, ...offers } = offersOf(enrolment, input.description);
    const registrar = { businessId, userId, sessionId: enrolmentId, grants, ...offers };
    return this.registerNew(registrar, input, idempotencyKey);
  }

  private async registerNew(
    by: Registrar,
    input: ParsedInput<"nodes.register">,
    idempotencyKey?: string,
  ): Promise<{ node: NodeRecord; nodeKey: string }> {
    const { nodes, keys, now } = this.parts;
    const nodeId = input.nodeId ?? newId("node");
    const { key, hash } = await keys.issue(nodeId);
    const changed = {
      userId: by.userId,
      sessionId: by.sessionId,
      description: by.description,
      offline: false,
      accessEnded: false,
      keyHash: hash,
      keyIssuedAtMs: now(),
      replacedKey: undefined,
      lastHeartbeatAtMs: now(),
      run: input.run,
      grants: by.grants,
      ungranted: by.ungranted,
    };
    if (input.nodeId)
      return { node: await this.take(by.businessId, nodeId, () => changed, input), nodeKey: key };
    const node: NodeRecord = {
      ...changed,
      description: await this.named(by.businessId, input, by.description, undefined),
      nodeId,
      businessId: by.businessId,
      draining: false,
      condition: AWAKE,
      createdAtMs: now(),
    };
    const inserted = await nodes.insert(node, idempotencyKey);
    if (inserted.nodeId === nodeId) return { node, nodeKey: key };
    return this.registerNew(by, { ...input, nodeId: inserted.nodeId });
  }

  /** An agent that was restarted registers its node again. */
  async registerByNode(by: NodeIdentity, input: ParsedInput<"nodes.register">): Promise<NodeRecord> {
    if (input.nodeId && input.nodeId !== by.nodeId) throw notFound(input.nodeId);
    const changed = { offline: false, lastHeartbeatAtMs: this.parts.now() };
    const enrolment = await this.enrolmentOf(by);
    const announced = enrolment ? enrolled(input.description, enrolment) : input.description;
    const within = ({ grants, description }: NodeRecord) => {
      const granted = grants ?? grantsFor(description);
      return { ...changed, grants: granted, ...withinGrants(announced, granted, description.pool) };
    };
    return this.take(by.businessId, by.nodeId, within, input);
  }

  private async enrolmentOf(by: NodeIdentity): Promise<EnrolmentRecord | undefined> {
    const node = await this.parts.nodes.find(by.businessId, by.nodeId);
    return node && isEnrolled(node) ? this.parts.enrolments.find(node.sessionId) : undefined;
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

  /** Gives the node to the run that registers. Throws `node_in_use` if another run has it. */
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
      const claim = this.loggingRefusal(before, run, () => claimNode(before, run, silence));
      const expected = { runId: before.run?.runId };
      const change = changeOf(before);
      const description = await this.named(businessId, input, change.description, before.description.name);
      const node = await nodes.update(businessId, nodeId, { ...change, description, run }, expected);
      // Another run registered in between, so the claim is checked against that run.
      if (!node) continue;
      bus.publish("node", { businessId, nodeId });
      if (before.run && run && before.run.runId !== run.runId && before.run.place !== run.place) {
        const from = inWords(before.run);
        const to = inWords(run);
        log.warn("an agent at another place has taken over a node", { nodeId, from, to });
      }
      await this.giveUpVanished(node, executions, claim);
      return node;
    }
  }

  /** Logs a refused claim once, because the agent repeats it as long as another agent has the node. */
  private loggingRefusal(node: NodeRecord, run: AgentRun | undefined, claim: () => Claim): Claim {
    try {
      return claim();
    } catch (error) {
      const { nodeId } = node;
      const claimant = `${nodeId} ${run?.runId}`;
      if (!this.refusedClaims.get(claimant)) {
        const has = node.run && inWords(node.run);
        const asks = run && inWords(run);
        this.parts.log.warn("an agent asks for a node that another agent has", { nodeId, has, asks });
        this.refusedClaims.set(claimant, true);
      }
      throw error;
    }
  }

  /** Stores that the node is alive, gives up executions that it lost, and returns all orders for it. */
  async heartbeat(by: NodeIdentity, input: ParsedInput<"nodes.heartbeat">): Promise<NodeOrders> {
    const { nodes, executions, bus } = this.parts;
    // Read before `heard` checks that this run still has the node, so that nothing of a newer run is given up.
    const live = await executions.live({ nodeId: by.nodeId });
    const node = await this.heard(by, input);
    // If a job is on its way to the node, `leave` does nothing, and the node gets the usual time to come back.
    if (input.leaving && (await nodes.leave(by.businessId, by.nodeId, by))) bus.publish("node", node);
    if (by.sessionEnded) throw sessionEnded();
    await this.giveUpUnheld(live, input.executions);
    // As long as the node is heard from, it works on them. If it falls silent, it is OFFLINE when these leases expire, and
    // its executions are given up.
    const startingNow = starting(live, input.executions);
    await this.parts.executionService.renewLeases(startingNow, this.parts.now() + OFFLINE_AFTER_MS);
    const collecting = collectingUntil(live, input.collecting ?? [], this.parts.now() + OFFLINE_AFTER_MS);
    await this.parts.executionService.renewDeadlines(collecting, this.parts.now() + 2 * OFFLINE_AFTER_MS);
    const heard = { nodeId: by.nodeId, load: input.load, live, nowMs: this.parts.now() };
    await recordLoad(this.parts.history, executions, heard);
    const orders = this.ordersFor(node, live, input.executions);
    this.sentOrders.sent(by.nodeId, orders);
    return { ...orders, wantsLoad: true, ...(this.isKeyOld(node) && { rotateKey: true }) };
  }

  /** Agents of earlier versions do not know the order, and keep their key. */
  private isKeyOld({ keyIssuedAtMs, createdAtMs }: NodeRecord): boolean {
    const { now, keyMaxAgeMs } = this.parts;
    return now() - (keyIssuedAtMs ?? createdAtMs) >= keyMaxAgeMs;
  }

  /**
   * Answers as soon as there is work or a new order, otherwise when the wait is over. A suspended node sends nothing else,
   * so it counts as alive while its poll waits here. If its machine lost power, the connection still looks open, and the
   * loss is noticed when the next poll does not come.
   */
  async poll(
    by: NodeIdentity,
    input: ParsedInput<"nodes.poll">,
    signal: AbortSignal,
  ): Promise<{ orders: NodeOrders; assigned: Assigned[] }> {
    if (!input.condition.suspended) return this.answerPoll(by, input, signal);
    const { nodes, now } = this.parts;
    const timer = setInterval(() => {
      // If the store fails, the next beat tries again, and the next poll returns the error.
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
    const { nodes, executions, executionService, dispatcher, now } = this.parts;
    const askedAtMs = performance.now();
    const deadlineMs = askedAtMs + pollWaitMs(input);
    if (isSignOfLife(by, input.condition, now())) {
      const live = await executions.live({ nodeId: by.nodeId });
      await this.heard(by, input);
      await this.giveUpUnheld(live, input.executions);
    }
    for (;;) {
      using look = dispatcher.look(by.nodeId);
      const [node, live] = await Promise.all([
        nodes.find(by.businessId, by.nodeId),
        executions.live({ nodeId: by.nodeId }),
      ]);
      // While this poll waited, the key may have been replaced, or the node removed or given to another run.
      refuseUnlessSpeaker(node, by);
      if (node.accessEnded) throw sessionEnded();
      const orders = this.ordersFor(node, live, input.executions);
      const missing = undelivered(live, input.executions).map(({ execution }) => execution.executionId);
      const again = await this.findAgain(by.nodeId, missing);
      const isUndecided = again.length < missing.length;
      const remainingMs = deadlineMs - performance.now();
      const isNews = this.sentOrders.isNews(by.nodeId, orders);
      if (again.length > 0 || isNews || remainingMs <= 0 || signal.aborted) {
        this.sentOrders.sent(by.nodeId, orders);
        // The server that assigned them may have died before it admitted them.
        return { orders, assigned: await executionService.admit(again) };
      }
      const wish = wishOf(node, input, askedAtMs, executionService.isFree);
      const waitMs = isUndecided ? Math.min(remainingMs, UNDECIDED_MS) : remainingMs;
      const taken = await dispatcher.take(node, wish, waitMs, signal, look);
      // If both polls waited again, each would end the other's wait over and over.
      if (taken === "superseded") return { orders, assigned: [] };
      const assigned = await executionService.admit(taken);
      if (assigned.length > 0) return { orders: { ...orders, now: new Date(now()).toISOString() }, assigned };
    }
  }

  private ordersFor(node: NodeRecord, live: readonly LiveExecution[], held: readonly string[]): NodeOrders {
    const { executionService, now } = this.parts;
    const unreported = held.filter((executionId) => !executionService.hasJustReported(executionId));
    return ordersFor(node, live, unreported, now());
  }

  /**
   * Reads executions that are handed out again. Not those whose job names another: the server that claims the job just now
   * is too late, or its claim has only half arrived.
   */
  private async findAgain(nodeId: string, executionIds: readonly string[]): Promise<Assigned[]> {
    if (executionIds.length === 0) return [];
    return (await this.parts.executions.findOfNode(nodeId, executionIds)).filter(isCurrent);
  }

  /** Stores that the node is alive, and the condition it reports. Throws if `by` no longer speaks for the node. */
  private async heard(by: NodeIdentity, { condition }: SignOfLife): Promise<NodeRecord> {
    const { nodes, bus, now } = this.parts;
    const node = await nodes.heartbeat(by.nodeId, now(), condition, by);
    if (!node) {
      refuseUnlessSpeaker(await nodes.findAny(by.nodeId), by);
      throw keyRefused();
    }
    // A parked poll was parked under the old condition, so it must look again.
    if (!isSameCondition(by.condition, condition)) bus.publish("node", node);
    else if (now() - by.lastHeardAtMs >= OFFLINE_AFTER_MS) {
      bus.publish("activity", { businessId: node.businessId, subject: "nodes", ids: [node.nodeId] });
    }
    return node;
  }

  /** Gives up executions that should run on the node but that its agent does not hold. */
  private giveUpUnheld(live: readonly LiveExecution[], held: readonly string[]): Promise<void> {
    const { executionService, now } = this.parts;
    const gone = vanished(live, held, now() - VANISHED_AFTER_MS).map(({ execution }) => execution);
    return executionService.giveUp(gone, "AgentRestarted", "The agent is no longer running the job.");
  }

  /** Gives up executions of an earlier run of the agent that did not survive it. */
  private async giveUpVanished(node: NodeRecord, held: readonly string[], claim: Claim): Promise<void> {
    const { executions, executionService } = this.parts;
    const live = await executions.live({ nodeId: node.nodeId });
    if (claim === "elsewhere") {
      // The silent agent may have started its assigned executions, so they must not be handed out as if nobody had them.
      const lost = live
        .map(({ execution }) => execution)
        .filter((execution) => !held.includes(execution.executionId));
      const why = "The node fell silent, and another agent has taken it over.";
      return executionService.giveUp(lost, "NodeLost", why);
    }
    const gone = vanished(live, held, Number.POSITIVE_INFINITY).map(({ execution }) => execution);
    const why = "The agent restarted, and the job did not survive the restart.";
    await executionService.giveUp(gone, "AgentRestarted", why);
  }
}
