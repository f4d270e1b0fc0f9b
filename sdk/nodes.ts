import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Node } from "../shared/node.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type NodeFilter = ListFilter<"nodes.list">;

/** Nodes, as their owner sees them. */
export class Nodes {
  private readonly client: ComputeClient;

  constructor(client: ComputeClient) {
    this.client = client;
  }

  /** Newest first. */
  list(filter: NodeFilter = {}, options: Patience = {}): AsyncGenerator<Node, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { nodes, nextCursor } = await call("nodes.list", where);
      return { rows: nodes, nextCursor };
    });
  }

  retrieve(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.retrieve", { nodeId }, options);
  }

  /** Gives the node no new jobs; what runs there goes on. */
  drain(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.drain", { nodeId, drain: true }, options);
  }

  undrain(nodeId: string, options: Patience = {}): Promise<Node> {
    return callPatiently(this.client, "nodes.drain", { nodeId, drain: false }, options);
  }

  /** Lets the node offer a pool, labels or more slots than it was registered with. */
  grant(
    nodeId: string,
    more: Omit<EndpointInput<"nodes.grant">, "nodeId">,
    options: Patience = {},
  ): Promise<Node> {
    return callPatiently(this.client, "nodes.grant", { nodeId, ...more }, options);
  }

  /** Only one that is OFFLINE. It can still be retrieved, for the history of its jobs. */
  async delete(nodeId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "nodes.delete", { nodeId }, options);
  }

  /** The old key is refused from the next call on; the new one is shown this once. */
  rotateKey(nodeId: string, options: Patience = {}): Promise<EndpointOutput<"nodes.rotate-key">> {
    return callPatiently(this.client, "nodes.rotate-key", { nodeId }, options);
  }
}
