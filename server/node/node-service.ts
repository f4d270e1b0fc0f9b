import { createHash } from "node:crypto";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { announcedBy, grantsFor, type NodeGrants, withinGrants } from "../../shared/grants.ts";
import type { Bus } from "../bus/bus.ts";
import { keyRefused } from "./claim.ts";
import { type NodeRecord, type NodeStore, nodeStatusOf } from "./node-store.ts";
import { OFFLINE_AFTER_MS } from "./silence.ts";

/** Creates node keys. The store keeps only the hash. */
export interface KeyIssuer {
  /** @param seed the same seed gives the same key again. */
  issue(nodeId: string, seed?: string): Promise<{ key: string; hash: string }>;
}

export interface NodeServiceParts {
  nodes: NodeStore;
  keys: KeyIssuer;
  bus: Bus;
  now: () => number;
}

/** Who replaces a key. */
export interface Rotation {
  /** The key under which the node itself calls; undefined: a person calls. */
  keyHash: string | undefined;
  /** The same rotation again is answered with the same key. */
  idempotencyKey: string | undefined;
}

/** What the store keeps of the `Idempotency-Key` of a rotation. */
export function rotationDigest(idempotencyKey: string): string {
  return createHash("sha256").update(idempotencyKey).digest("base64url");
}

/** What people do with nodes: drain, grant, remove, rotate a key. Calls of agents are in `agent-api/`. */
export class NodeService {
  constructor(private readonly parts: NodeServiceParts) {}

  async find(businessId: string, nodeId: string): Promise<NodeRecord> {
    const node = await this.parts.nodes.find(businessId, nodeId);
    if (!node) throw notFound(nodeId);
    return node;
  }

  async drain(businessId: string, nodeId: string, draining: boolean): Promise<NodeRecord> {
    const node = await this.update(businessId, nodeId, { draining });
    if (!draining) this.parts.bus.publish("wake", { businessId, nodeId });
    return node;
  }

  /** Lets the node offer more than it was registered with. */
  async grant(
    businessId: string,
    { nodeId, pool, labels, slots }: ParsedInput<"nodes.grant">,
  ): Promise<NodeRecord> {
    const { nodes, bus } = this.parts;
    const node = await nodes.find(businessId, nodeId);
    if (!node) throw notFound(nodeId);
    const before = node.grants ?? grantsFor(node.description);
    const grants: NodeGrants = {
      pools: [...new Set([...before.pools, ...(pool === undefined ? [] : [pool])])],
      labels: { ...before.labels, ...labels },
      slots: Math.max(before.slots, slots ?? 0),
    };
    const offers = withinGrants(announcedBy(node.description, node.ungranted), grants, node.description.pool);
    const granted = await this.update(businessId, nodeId, { grants, ...offers });
    bus.publish("wake", { businessId, nodeId });
    return granted;
  }

  /** Removes an OFFLINE node: it is in no list any more, and its key is refused. Throws `conflict` if it is not OFFLINE. */
  async remove(businessId: string, nodeId: string): Promise<void> {
    const { nodes, bus, now } = this.parts;
    if (await nodes.remove(businessId, nodeId, now())) {
      bus.publish("node", { businessId, nodeId });
      return;
    }
    const node = await this.find(businessId, nodeId);
    if (node.removedAtMs !== undefined) throw notFound(nodeId);
    throw new ComputeError(
      "conflict",
      `${node.description.name} (${nodeId}) is ${nodeStatusOf(node)}. Stop its agent first; a node becomes OFFLINE ${OFFLINE_AFTER_MS / 1_000} s after it was last heard from.`,
    );
  }

  /** Replaces the node's key and returns the new one. From now on the old key is refused, and a poll that waits with it ends. */
  async rotateKey(businessId: string, nodeId: string, by: Rotation): Promise<string> {
    const { nodes, keys, bus, now } = this.parts;
    const rotation = by.idempotencyKey === undefined ? undefined : rotationDigest(by.idempotencyKey);
    for (;;) {
      const node = await nodes.find(businessId, nodeId);
      if (!node || node.removedAtMs !== undefined) throw notFound(nodeId);
      const { replacedKey, keyHash } = node;
      if (by.keyHash !== undefined && by.keyHash !== keyHash) throw keyRefused();
      const isRepeated = rotation !== undefined && replacedKey?.rotation === rotation;
      const before = isRepeated ? replacedKey.hash : keyHash;
      const { key, hash } = await keys.issue(nodeId, rotation && `${before} ${rotation}`);
      if (isRepeated) return key;
      const replaced = { hash: keyHash, byNode: by.keyHash !== undefined, ...(rotation && { rotation }) };
      const change = { keyHash: hash, keyIssuedAtMs: now(), replacedKey: replaced };
      // Of two that replace the key at the same time one is first, and the other begins again.
      if (!(await nodes.update(businessId, nodeId, change, { keyHash }))) continue;
      bus.publish("node", { businessId, nodeId });
      return key;
    }
  }

  /**
   * Ends the access of nodes whose session or enrolment is over: they get no more jobs, and their waiting polls end.
   * Resolves with their ids.
   */
  async endAccess(sessionId: string): Promise<string[]> {
    const ended = await this.parts.nodes.endAccess(sessionId);
    for (const node of ended) {
      this.parts.bus.publish("node", { nodeId: node.nodeId, businessId: node.businessId });
    }
    return ended.map(({ nodeId }) => nodeId);
  }

  private async update(businessId: string, nodeId: string, change: Parameters<NodeStore["update"]>[2]) {
    const node = await this.parts.nodes.update(businessId, nodeId, change);
    if (!node) throw notFound(nodeId);
    this.parts.bus.publish("node", { businessId, nodeId });
    return node;
  }
}

/** The error for a node that the calling business does not have. */
export function notFound(nodeId: string): ComputeError {
  return new ComputeError("not_found", `There is no node ${nodeId} in this business.`);
}
