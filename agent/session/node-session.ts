import { isDeepStrictEqual } from "node:util";
import type { ComputeClient } from "../../sdk/client.ts";
import type { ServerProof } from "../../sdk/server-proof.ts";
import type { CallId, EndpointInput, EndpointOutput } from "../../shared/endpoints/index.ts";
import { ComputeError, type ErrorCode } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { AgentRun, Node } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import { AgentError } from "../process/agent-error.ts";
import type { NodeProfile } from "../profile/profile.ts";
import { type NodeFile, readNodeFile, writeNodeFile } from "../state/node-file.ts";
import type { Connection } from "./connection.ts";
import { GrantRequests } from "./grant-requests.ts";

export interface NodeSessionParts {
  /** Speaks for the signed-in user: makes nodes, and registers a node again when its key is no longer valid. */
  userClient: ComputeClient;
  createNodeClient(nodeKey: string, runId: string): ComputeClient;
  nodeFilePath: string;
  /** Proves that the URL leads to this node's server. The server key that it learns is kept. */
  proof?: ServerProof;
  /** The directory's identity, stored along with the node's key. */
  directory: { directory: string; path: string };
  /** This run of the agent. */
  run: AgentRun;
  profile: Announced;
  connection: Connection;
  executions: HeldExecutions;
  log: Logger;
}

type Announced = Pick<NodeProfile, "description" | "isNameOfHost">;

export interface HeldExecutions {
  /** The executions that the agent still holds, which tells the server what survived. */
  held(): string[];
  /** Nothing may begin between sending the list and its answer: it would run without being in the list. */
  holdStarts(): () => void;
  /** The executions belong to another agent: they end here immediately, and nothing of them is reported. */
  disownAll(): void;
}

/** The user's session is over, so this node gets no new job. */
export class SessionEndedError extends AgentError {
  override name = "SessionEndedError";
}

/** Another agent has taken this node, so the executions here no longer belong to this agent. */
export class NodeTakenError extends AgentError {
  override name = "NodeTakenError";
}

const lostAccess: readonly ErrorCode[] = [
  "unauthenticated",
  "session_ended",
  "token_expired",
  "forbidden",
  "not_found",
];
const LEAVE_MS = 1_000;
/** Without this pause a key that is refused right after it was made would be renewed as fast as the network allows. */
const RENEW_PAUSE_MS = 5_000;
/** The pause before the next try to register as a node that another agent has. */
const ASK_AGAIN_MS = 1_000;
/**
 * The server tells in whole seconds when the other agent will count as silent. When that moment moves by more than
 * this, the other agent has been heard from again.
 */
const HEARD_AGAIN_MS = 3_000;

/** This agent's identity at the server. Registers the node, and registers again when its key is refused. */
export class NodeSession {
  heartbeatSeconds = 10;
  offlineAfterSeconds = 30;
  private node: NodeFile | undefined;
  private client: ComputeClient | undefined;
  private renewal: { done: Promise<void>; signal: AbortSignal } | undefined;
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private ended: SessionEndedError | undefined;
  private taken: NodeTakenError | undefined;
  private isRegistered = false;
  /** The node in the server's answer to the last registration. */
  private answer: Node | undefined;
  private neighbours: string | undefined;
  /** Says that another agent has this node; undefined: no other agent has it. */
  private claim: string | undefined;
  private readonly grantRequests: GrantRequests;
  private profile: Announced;
  /** If the answer to a registration is lost, the next try with the same key registers the same node. */
  private readonly registrationKey = crypto.randomUUID();

  constructor(private readonly parts: NodeSessionParts) {
    this.profile = parts.profile;
    this.grantRequests = new GrantRequests(parts.userClient, parts.log);
    this.node = readNodeFile(parts.nodeFilePath);
    if (this.node) this.client = parts.createNodeClient(this.node.nodeKey, parts.run.runId);
  }

  /** The last call of any loop got no answer. */
  get isServerAway(): boolean {
    return this.parts.connection.awaySince !== undefined;
  }

  /** The node's id; empty before the first registration. */
  get nodeId(): string {
    return this.node?.nodeId ?? "";
  }

  /** The node's name at the server; undefined before the first registration. */
  get name(): string | undefined {
    return this.answer?.name;
  }

  /** What the owner should know about this node's registration. */
  get notices(): string[] {
    return [this.claim, this.grantRequests.inWords, this.neighbours].filter((one) => one !== undefined);
  }

  /** Registers this node, or announces its changed profile. Throws SessionEndedError if the user must sign in first. */
  async announce(profile: Announced, signal: AbortSignal): Promise<void> {
    this.profile = profile;
    if (this.taken) throw this.taken;
    try {
      await this.register(signal);
    } catch (error) {
      if (!isCode(error, "node_in_use")) throw error;
      if (this.isRegistered) throw this.takenBy(error);
      await this.becomeOwnNode(error, signal);
    }
    this.isRegistered = true;
    this.claim = undefined;
    if (this.answer) await this.grantRequests.ask(this.answer, signal);
  }

  private async register(signal: AbortSignal): Promise<void> {
    if (this.node && this.client) {
      try {
        return await this.registerBy(this.client, {}, signal);
      } catch (error) {
        if (!isLostAccess(error)) throw error;
      }
    }
    await this.registerByUser(signal);
  }

  /**
   * Another agent runs as this node, or did a moment ago. If it stays silent, this agent gets the node. If it is heard from
   * again, this agent runs in a copy of its directory, and registers a node of its own.
   */
  private async becomeOwnNode(refusal: ComputeError, signal: AbortSignal): Promise<void> {
    const { log, executions } = this.parts;
    const silentAtMs = silentFrom(refusal);
    const seconds = refusal.retryAfterSeconds ?? 0;
    this.claim = `${refusal.message} If that agent stays silent for ${seconds} s, this agent takes the node.`;
    log.warn(this.claim);
    for (let latest = refusal; silentFrom(latest) - silentAtMs < HEARD_AGAIN_MS; ) {
      await pause(ASK_AGAIN_MS, signal);
      signal.throwIfAborted();
      try {
        return await this.register(signal);
      } catch (error) {
        if (!isCode(error, "node_in_use")) throw error;
        latest = error;
      }
    }
    const copied = this.node?.nodeId;
    this.claim = `The agent of node ${copied} is alive: this agent is a copy of it, and becomes a node of its own.`;
    log.warn(this.claim);
    executions.disownAll();
    this.node = undefined;
    this.client = undefined;
    try {
      await this.registerByUser(signal);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      throw new SessionEndedError(
        `This agent is a copy of node ${copied}, which another agent has, and cannot register a node of its own: ${error.message}`,
        { cause: error.cause },
      );
    }
  }

  /** Makes one call as this node, and repeats it until it is answered. `input` is called again for every attempt. */
  call<Id extends CallId>(
    id: Id,
    input: () => EndpointInput<Id>,
    signal: AbortSignal,
  ): Promise<EndpointOutput<Id>> {
    return this.repeat((client) => client.call(id, input(), { signal }), signal, isLostAccess);
  }

  /**
   * Repeats a step as this node until it is answered. It asks for something that the server may not have or not give, so
   * `not_found` and `forbidden` are answers.
   */
  use<T>(step: (client: ComputeClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.repeat(step, signal, (error) => isLostAccess(error) && !isRefusal(error));
  }

  private async repeat<T>(
    step: (client: ComputeClient) => Promise<T>,
    signal: AbortSignal,
    mustRenew: (error: unknown) => boolean,
  ): Promise<T> {
    for (;;) {
      const { client } = this;
      if (this.taken) throw this.taken;
      if (!client) throw new AgentError("The agent must register before it can speak for its node.");
      try {
        return await this.parts.connection.attempt(signal, () => step(client));
      } catch (error) {
        if (isCode(error, "node_taken")) throw this.takenBy(error);
        if (!mustRenew(error)) throw error;
        if (this.ended) throw this.ended;
        await this.renew(client, signal);
      }
    }
  }

  /** Tries once to tell the server that the agent ends and leaves nothing running. Never throws. */
  async leave(): Promise<void> {
    if (!this.client || this.isServerAway || this.taken) return;
    try {
      await this.client.call("nodes.heartbeat", { executions: [], leaving: true }, { timeoutMs: LEAVE_MS });
    } catch {
      // It does not matter: the node's silence tells the server the same half a minute later.
    }
  }

  /** Renews a refused key once, no matter how many calls find it refused. */
  private async renew(refused: ComputeClient, signal: AbortSignal): Promise<void> {
    while (this.client === refused) {
      this.renewal ??= { signal, done: this.renewNow(signal).finally(() => (this.renewal = undefined)) };
      const { done, signal: others } = this.renewal;
      try {
        await done;
      } catch (error) {
        // The call that began the renewal was aborted, but this call still needs it.
        if (signal.aborted || !others.aborted) throw error;
      }
    }
  }

  private async renewNow(signal: AbortSignal): Promise<void> {
    const sinceMs = performance.now() - this.renewedAtMs;
    if (sinceMs < RENEW_PAUSE_MS) await pause(RENEW_PAUSE_MS - sinceMs, signal);
    this.renewedAtMs = performance.now();
    this.parts.log.info("The server no longer accepts this node's key; registering again.");
    try {
      await this.registerByUser(signal);
    } catch (error) {
      throw isCode(error, "node_in_use") ? this.takenBy(error) : error;
    }
  }

  private takenBy(error: ComputeError): NodeTakenError {
    this.taken ??= new NodeTakenError(
      `${error.message} This agent stops now. Started again, it continues as this node if the other agent has left, and as a node of its own if not.`,
      { cause: error },
    );
    return this.taken;
  }

  private async registerByUser(signal: AbortSignal): Promise<void> {
    const { userClient } = this.parts;
    try {
      if (this.node) {
        try {
          return await this.registerBy(userClient, { nodeId: this.node.nodeId }, signal);
        } catch (error) {
          if (!(error instanceof ComputeError && error.code === "not_found")) throw error;
          this.parts.log.warn(`The server does not know node ${this.node.nodeId}; registering a new one.`);
        }
      }
      await this.registerBy(userClient, {}, signal);
    } catch (error) {
      if (!isLostAccess(error)) throw error;
      const what = this.node ? "This machine's session has ended" : "This machine cannot be registered";
      this.ended = new SessionEndedError(
        `${what} (${textOf(error)}). Run \`tanvrit-compute auth login\`. If this is not the server's machine and account, ` +
          "set TANVRIT_TOKEN to the output of `tanvrit-compute auth print-token` there instead. Then start the agent again.",
        { cause: error },
      );
      throw this.ended;
    }
  }

  private async registerBy(
    client: ComputeClient,
    target: { nodeId?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { connection, createNodeClient, log, run } = this.parts;
    const answer = await connection.attempt(signal, () => this.registerOnce(client, target, signal));
    this.heartbeatSeconds = answer.heartbeatSeconds;
    this.offlineAfterSeconds = answer.offlineAfterSeconds;
    const { nodeId } = answer.node;
    this.answer = answer.node;
    this.meet(answer.onSameMachine ?? []);
    if (answer.nodeKey !== undefined) this.client = createNodeClient(answer.nodeKey, run.runId);
    this.keep(nodeId, answer.nodeKey ?? this.node?.nodeKey);
    log.info(`Registered as ${answer.node.name} (${nodeId}).`, { nodeId });
  }

  /** Stores the node, its server and its directory, if anything of that has changed. */
  private keep(nodeId: string, nodeKey: string | undefined): void {
    if (nodeKey === undefined) return;
    const { nodeFilePath, directory, proof, userClient } = this.parts;
    const node: NodeFile = { nodeId, nodeKey, url: userClient.url, serverKey: proof?.key, ...directory };
    if (isDeepStrictEqual({ serverKey: undefined, ...this.node }, node)) return;
    this.node = node;
    writeNodeFile(nodeFilePath, node);
  }

  /** Warns about other agents on this machine: each of them offers the machine's resources. */
  private meet(others: readonly Pick<Node, "nodeId" | "name" | "owner">[]): void {
    const names = others.map(
      ({ name, nodeId, owner }) => `${name} (${nodeId}${owner ? ` of ${owner}` : ""})`,
    );
    const whoRuns = names.length === 1 ? "Another agent runs" : "Other agents run";
    const before = this.neighbours;
    this.neighbours =
      names.length === 0
        ? undefined
        : `${whoRuns} on this machine, going by its machine id: ${names.join(", ")}. Each offers what its agent.yaml says, or the whole machine by default. Divide the machine with slots and limits, or stop one of the agents.`;
    if (this.neighbours !== undefined && this.neighbours !== before) this.parts.log.warn(this.neighbours);
  }

  private async registerOnce(client: ComputeClient, target: { nodeId?: string }, signal: AbortSignal) {
    const { description, isNameOfHost } = this.profile;
    const { executions, run } = this.parts;
    const goOn = executions.holdStarts();
    try {
      const input = { ...target, description, isNameOfHost, executions: executions.held(), run };
      const idempotencyKey = this.registrationKey;
      return await client.call("nodes.register", input, { signal, idempotencyKey });
    } finally {
      goOn();
    }
  }
}

/** When the agent that has the node will count as silent, by this process's clock. */
function silentFrom(refusal: ComputeError): number {
  return performance.now() + (refusal.retryAfterSeconds ?? 0) * 1_000;
}

function isCode(error: unknown, code: ErrorCode): error is ComputeError {
  return error instanceof ComputeError && error.code === code;
}

function isRefusal(error: unknown): boolean {
  return isCode(error, "not_found") || isCode(error, "forbidden");
}

function isLostAccess(error: unknown): error is ComputeError {
  return error instanceof ComputeError && lostAccess.includes(error.code);
}
