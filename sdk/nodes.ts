import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Node } from "../shared/node.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type NodeFilter = ListFilter<"nodes.list">;

/**
 * Nodes: the machines that run jobs.
 *
 * @example
 * for await (const node of compute.nodes.list({ status: ["ACTIVE"] })) console.log(node.name, node.runningExecutions);
 * await compute.nodes.drain(nodeId);
 */
export class Nodes {
  constructor(private readonly client: ComputeClient) {}

  /** Lists nodes, newest first. */
  list(filter: NodeFilter = {}, options: Patience = {}): AsyncGenerator<Node, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { nodes, nextCursor } = await call("nodes.list", where);
      return { rows: nodes, nextCursor };
    });
  }

  /** Throws `not_found` if there is no such node. */
  retrieve(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.retrieve", { nodeId }, options);
  }

  /** Gives the node no new jobs; its running jobs continue. */
  drain(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.drain", { nodeId, drain: true }, options);
  }

  /** Gives the node jobs again. */
  undrain(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.drain", { nodeId, drain: false }, options);
  }

  /** Grants the node a pool, labels or slots beyond those it was registered with. */
  grant(
    nodeId: string,
    more: Omit<EndpointInput<"nodes.grant">, "nodeId">,
    options: Patience = {},
  ): Promise<Node> {
    return callPatiently(this.client, "nodes.grant", { nodeId, ...more }, options);
  }

  /** Deletes a node that is OFFLINE, or throws `conflict`. It can still be retrieved, for the history of its jobs. */
  async delete(nodeId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "nodes.delete", { nodeId }, options);
  }

  /** Gives the node a new key, returned only this once. The old key is refused from the next call on. */
  rotateKey(nodeId: string, options: Patience = {}): Promise<EndpointOutput<"nodes.rotate-key">> {
    return callPatiently(this.client, "nodes.rotate-key", { nodeId }, options);
  }
}
