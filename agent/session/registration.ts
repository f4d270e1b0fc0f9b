import type { ComputeClient } from "../../sdk/client.ts";
import type { ServerProof } from "../../sdk/machine/server-proof.ts";
import type { Logger } from "../../shared/logger.ts";
import { type AgentRun, type Node, nodeHeaders } from "../../shared/node.ts";
import type { NodeProfile } from "../profile/profile.ts";
import { type NodeFile, readNodeFile, writeNodeFile } from "../state/node-file.ts";
import type { Connection } from "./connection.ts";
import { isCode, isLostAccess } from "./errors.ts";
import type { ServerLine } from "./server-line.ts";

export interface RegistrationParts {
  /** Speaks for the signed-in user: makes nodes, and registers a node again when its key is no longer valid. */
  userClient: ComputeClient;
  /** Speaks with an enrolment token, which makes nodes without a user; absent: the agent was given none. */
  enrolClient?: ComputeClient | undefined;
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
  /** What carries the calls of the node; absent: HTTP. */
  line?: ServerLine;
  executions: HeldExecutions;
  log: Logger;
}

export type Announced = Pick<NodeProfile, "description" | "isNameOfHost">;

export interface HeldExecutions {
  /** The executions that the agent still holds, which tells the server what survived. */
  held(): string[];
  /** Nothing may begin between sending the list and its answer: it would run without being in the list. */
  holdStarts(): () => void;
  /** The executions belong to another agent: they end here immediately, and nothing of them is reported. */
  disownAll(): void;
}

/** The node that this agent is: its file, its key, and what the server answered to its last registration. */
export class Registration {
  heartbeatSeconds = 10;
  offlineAfterSeconds = 30;
  profile: Announced;
  node: NodeFile | undefined;
  /** Speaks with the node's key; undefined before the first registration. */
  client: ComputeClient | undefined;
  /** The node in the server's answer to the last registration. */
  answer: Node | undefined;
  /** Names the other agents on this machine; undefined: there are none. */
  neighbours: string | undefined;
  /** If the answer to a registration is lost, the next try with the same key registers the same node. */
  private readonly registrationKey = crypto.randomUUID();

  constructor(private readonly parts: RegistrationParts) {
    this.profile = parts.profile;
    this.node = readNodeFile(parts.nodeFilePath);
    if (this.node) this.client = this.clientOf(this.node.nodeKey);
  }

  /** Registers by the node's own key. Resolves with whether the server accepts it. */
  async byKey(signal: AbortSignal): Promise<boolean> {
    if (!this.client) return false;
    try {
      await this.register(this.client, {}, signal);
      return true;
    } catch (error) {
      if (!isLostAccess(error)) throw error;
      return false;
    }
  }

  /** Registers by this machine's sign-in: the same node with a new key, or a new node if the server does not know it. */
  async byUser(signal: AbortSignal): Promise<void> {
    const { userClient, log } = this.parts;
    if (this.node) {
      try {
        return await this.register(userClient, { nodeId: this.node.nodeId }, signal);
      } catch (error) {
        if (!isCode(error, "not_found")) throw error;
        log.warn(`The server does not know ${this.node.nodeId}; registering a new one.`);
      }
    }
    await this.register(userClient, {}, signal);
  }

  /** Registers a new node with the enrolment token; throws what the server says if it takes no more machines. */
  async byEnrolment(client: ComputeClient, signal: AbortSignal): Promise<void> {
    if (this.node)
      this.parts.log.warn(`Node ${this.node.nodeId} has no access any more; enrolling as a new node.`);
    await this.register(client, {}, signal);
  }

  /**
   * Replaces the node's key. The rotation is on disk before the server hears of it: if its answer is lost, or this process
   * dies before it is stored, the same rotation is asked for again and gives the same key. Throws what the server says.
   */
  async rotateKey(signal: AbortSignal): Promise<void> {
    const { connection, nodeFilePath } = this.parts;
    const { client, node } = this;
    if (!client || !node) return;
    const rotation = node.rotation ?? crypto.randomUUID();
    this.node = { ...node, rotation };
    writeNodeFile(nodeFilePath, this.node);
    const ask = () => client.call("nodes.rotate-key", {}, { signal, idempotencyKey: rotation });
    const { nodeKey } = await connection.attempt(signal, ask);
    const { rotation: _, ...kept } = node;
    this.node = { ...kept, nodeKey, keySince: new Date().toISOString() };
    writeNodeFile(nodeFilePath, this.node);
    this.client = this.clientOf(nodeKey);
  }

  /**
   * After the key was refused: gets the one that replaced it, if that was this agent's own rotation, or a person's while
   * this run had the node. Resolves with whether it did.
   */
  async followKey(signal: AbortSignal): Promise<boolean> {
    if (!this.client) return false;
    try {
      await this.rotateKey(signal);
      return true;
    } catch (error) {
      if (!isLostAccess(error) && !isCode(error, "node_taken")) throw error;
      return false;
    }
  }

  /** From now on this agent is no node: its directory is a copy, and the node belongs to another agent. */
  forget(): void {
    this.node = undefined;
    this.client = undefined;
  }

  private clientOf(nodeKey: string): ComputeClient {
    const { createNodeClient, run, line } = this.parts;
    const client = createNodeClient(nodeKey, run.runId);
    return line ? client.over(line.withHeaders(nodeHeaders(nodeKey, run.runId))) : client;
  }

  private async register(
    client: ComputeClient,
    target: { nodeId?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { connection, log } = this.parts;
    const answer = await connection.attempt(signal, () => this.registerOnce(client, target, signal));
    this.heartbeatSeconds = answer.heartbeatSeconds;
    this.offlineAfterSeconds = answer.offlineAfterSeconds;
    const { nodeId } = answer.node;
    this.answer = answer.node;
    this.meet(answer.onSameMachine ?? []);
    if (answer.nodeKey !== undefined) this.client = this.clientOf(answer.nodeKey);
    this.keep(nodeId, answer.nodeKey ?? this.node?.nodeKey);
    log.info(`Registered as ${answer.node.name} (${nodeId}).`, { nodeId });
  }

  /** Stores the node, its server and its directory, if anything of that has changed. */
  private keep(nodeId: string, nodeKey: string | undefined): void {
    if (nodeKey === undefined) return;
    const { nodeFilePath, directory, proof, userClient } = this.parts;
    const server = { url: userClient.url, serverKey: proof?.key, pin: proof?.pin };
    const isSame = nodeKey === this.node?.nodeKey;
    const keySince = isSame ? this.node?.keySince : new Date().toISOString();
    const node: NodeFile = { nodeId, nodeKey, keySince, ...server, ...directory };
    if (Bun.deepEquals(this.node, node)) return;
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
