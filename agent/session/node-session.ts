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
import { Grants } from "./grants.ts";

export interface NodeSessionOptions {
  /** For the signed-in user: makes nodes, and takes over a node whose key is no longer good. */
  userClient: ComputeClient;
  createNodeClient(nodeKey: string, runId: string): ComputeClient;
  nodeFilePath: string;
  /** That the URL leads to the server of this node; what it learns of the server is kept. */
  proof?: ServerProof;
  /** Written beside the node's key: which directory that is. */
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
  /** What the agent holds, for the server to know what survived. */
  held(): string[];
  /** Nothing may begin between the list and its answer: it would run and not be in the list. */
  holdStarts(): () => void;
  /** They are another agent's: what runs of them here ends at once, and nothing of them is reported. */
  disownAll(): void;
}

/** The user's session is over, so this node gets no new job. */
export class SessionEndedError extends AgentError {
  override name = "SessionEndedError";
}

/** Another run of an agent has the node: whatever this one holds is not its own any more. */
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
/** A key that is refused right after it was made would otherwise be renewed as fast as the network goes. */
const RENEW_PAUSE_MS = 5_000;
/** How often a node that another agent has is asked for. */
const ASK_AGAIN_MS = 1_000;
/** Seconds are told as whole ones; whoever has the node has been heard of again when more are left than that. */
const HEARD_AGAIN_MS = 3_000;

/** Who this agent is for the server: registers, and registers again when its key is refused. */
export class NodeSession {
  heartbeatSeconds = 10;
  offlineAfterSeconds = 30;
  private readonly options: NodeSessionOptions;
  private node: NodeFile | undefined;
  private client: ComputeClient | undefined;
  private renewal: { done: Promise<void>; signal: AbortSignal } | undefined;
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private ended: SessionEndedError | undefined;
  private taken: NodeTakenError | undefined;
  private isRegistered = false;
  /** This node as the server had it when it was last registered. */
  private answer: Node | undefined;
  private neighbours: string | undefined;
  /** That its node is another agent's; undefined: it is not. */
  private claim: string | undefined;
  private readonly grants: Grants;
  private profile: Announced;
  /** Where the answer to a registration is lost, the next one is told that it means the same node. */
  private readonly registrationKey = crypto.randomUUID();

  constructor(options: NodeSessionOptions) {
    this.options = options;
    this.profile = options.profile;
    this.grants = new Grants(options.userClient, options.log);
    this.node = readNodeFile(options.nodeFilePath);
    if (this.node) this.client = options.createNodeClient(this.node.nodeKey, options.run.runId);
  }

  /** The last call of any loop was not answered, and none since. */
  get isServerAway(): boolean {
    return this.options.connection.awaySince !== undefined;
  }

  /** Which node this is; empty before the first registration. */
  get nodeId(): string {
    return this.node?.nodeId ?? "";
  }

  /** How the server calls this node; undefined before the first registration. */
  get name(): string | undefined {
    return this.answer?.name;
  }

  /** What the owner should know of how this node is registered. */
  get notices(): string[] {
    return [this.claim, this.grants.inWords, this.neighbours].filter((one) => one !== undefined);
  }

  /** Makes this node known, or what is new about it. Throws SessionEndedError where the user must sign in first. */
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
    if (this.answer) await this.grants.ask(this.answer, signal);
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
   * Another agent is the node, or was it a moment ago. When it stays silent the node is this one's; when it is heard of
   * again, this agent has its name and key from a copy, and makes a node of its own.
   */
  private async becomeOwnNode(refusal: ComputeError, signal: AbortSignal): Promise<void> {
    const { log, executions } = this.options;
    const silentAtMs = silentFrom(refusal);
    const seconds = refusal.retryAfterSeconds ?? 0;
    this.claim = `${refusal.message} If it is not heard of again for ${seconds} s, the node is this agent's.`;
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
    this.claim = `The agent of node ${copied} is there: this one is a copy of it, and becomes a node of its own.`;
    log.warn(this.claim);
    executions.disownAll();
    this.node = undefined;
    this.client = undefined;
    try {
      await this.registerByUser(signal);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      throw new SessionEndedError(
        `This agent is a copy of node ${copied}, which another agent is, and cannot make a node of its own: ${error.message}`,
        { cause: error.cause },
      );
    }
  }

  /** One call as this node, repeated until it is answered; `input` is asked anew for every attempt. */
  async call<Id extends CallId>(
    id: Id,
    input: () => EndpointInput<Id>,
    signal: AbortSignal,
  ): Promise<EndpointOutput<Id>> {
    for (;;) {
      const { client } = this;
      if (this.taken) throw this.taken;
      if (!client) throw new AgentError("The agent must register before it can speak for its node.");
      try {
        return await this.options.connection.attempt(signal, () => client.call(id, input(), { signal }));
      } catch (error) {
        if (isCode(error, "node_taken")) throw this.takenBy(error);
        if (!isLostAccess(error)) throw error;
        if (this.ended) throw this.ended;
        await this.renew(client, signal);
      }
    }
  }

  /** One try to say that the agent ends and that nothing of it runs on. Never throws. */
  async leave(): Promise<void> {
    if (!this.client || this.isServerAway || this.taken) return;
    try {
      await this.client.call("nodes.heartbeat", { executions: [], leaving: true }, { timeoutMs: LEAVE_MS });
    } catch {
      // Nobody waits for it: its silence says the same, half a minute later.
    }
  }

  /** However many calls find the key refused, it is renewed once. */
  private async renew(refused: ComputeClient, signal: AbortSignal): Promise<void> {
    while (this.client === refused) {
      this.renewal ??= { signal, done: this.renewNow(signal).finally(() => (this.renewal = undefined)) };
      const { done, signal: others } = this.renewal;
      try {
        await done;
      } catch (error) {
        // Whoever began it was called away; it is still needed here.
        if (signal.aborted || !others.aborted) throw error;
      }
    }
  }

  private async renewNow(signal: AbortSignal): Promise<void> {
    const sinceMs = performance.now() - this.renewedAtMs;
    if (sinceMs < RENEW_PAUSE_MS) await pause(RENEW_PAUSE_MS - sinceMs, signal);
    this.renewedAtMs = performance.now();
    this.options.log.info("The server no longer takes this node's key; registering again.");
    try {
      await this.registerByUser(signal);
    } catch (error) {
      throw isCode(error, "node_in_use") ? this.takenBy(error) : error;
    }
  }

  private takenBy(error: ComputeError): NodeTakenError {
    this.taken ??= new NodeTakenError(
      `${error.message} It stops at once. Started again, it goes on as this node where the other agent has left, else as a node of its own.`,
      { cause: error },
    );
    return this.taken;
  }

  private async registerByUser(signal: AbortSignal): Promise<void> {
    const { userClient } = this.options;
    try {
      if (this.node) {
        try {
          return await this.registerBy(userClient, { nodeId: this.node.nodeId }, signal);
        } catch (error) {
          if (!(error instanceof ComputeError && error.code === "not_found")) throw error;
          this.options.log.warn(`The server does not know node ${this.node.nodeId}; making a new one.`);
        }
      }
      await this.registerBy(userClient, {}, signal);
    } catch (error) {
      if (!isLostAccess(error)) throw error;
      const what = this.node ? "This machine's session has ended" : "This machine cannot be registered";
      this.ended = new SessionEndedError(
        `${what} (${textOf(error)}). Run \`tanvrit-compute auth login\`; under another account or on another machine than ` +
          "the server's, set TANVRIT_TOKEN to what `tanvrit-compute auth print-token` prints there. Then start the agent again.",
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
    const { connection, createNodeClient, log, run } = this.options;
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

  /** Writes down which node this is of which server, and in which directory, where that is new. */
  private keep(nodeId: string, nodeKey: string | undefined): void {
    if (nodeKey === undefined) return;
    const { nodeFilePath, directory, proof, userClient } = this.options;
    const node: NodeFile = { nodeId, nodeKey, url: userClient.url, serverKey: proof?.key, ...directory };
    if (isDeepStrictEqual({ serverKey: undefined, ...this.node }, node)) return;
    this.node = node;
    writeNodeFile(nodeFilePath, node);
  }

  /** Other agents of this machine: each gives away what it takes the machine to have. */
  private meet(others: readonly Pick<Node, "nodeId" | "name" | "owner">[]): void {
    const names = others.map(
      ({ name, nodeId, owner }) => `${name} (${nodeId}${owner ? ` of ${owner}` : ""})`,
    );
    const before = this.neighbours;
    this.neighbours =
      names.length === 0
        ? undefined
        : `By its id, this machine has ${names.length === 1 ? "another agent" : "other agents"}: ${names.join(", ")}. Each offers what its agent.yaml says, else the whole machine. Divide it by slots and limits, or stop one.`;
    if (this.neighbours !== undefined && this.neighbours !== before) this.options.log.warn(this.neighbours);
  }

  private async registerOnce(client: ComputeClient, target: { nodeId?: string }, signal: AbortSignal) {
    const { description, isNameOfHost } = this.profile;
    const { executions, run } = this.options;
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

/** When the agent that has the node counts as silent, by this process's clock. */
function silentFrom(refusal: ComputeError): number {
  return performance.now() + (refusal.retryAfterSeconds ?? 0) * 1_000;
}

function isCode(error: unknown, code: ErrorCode): error is ComputeError {
  return error instanceof ComputeError && error.code === code;
}

function isLostAccess(error: unknown): error is ComputeError {
  return error instanceof ComputeError && lostAccess.includes(error.code);
}
