import type { EndpointOutput } from "../../shared/endpoints/index.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { ExecutionReport, NodeCondition, NodeDescription } from "../../shared/node.ts";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import type { Api, As } from "./api.ts";
import { waitFor } from "./wait.ts";

/**
 * A node that the test plays, one request at a time, for cases where a real agent would be too fast or too
 * well-behaved.
 */
export class PlayedNode {
  readonly nodeId: string;
  readonly as: As;
  private readonly api: Api;

  private constructor(api: Api, nodeId: string, nodeKey: string) {
    this.api = api;
    this.nodeId = nodeId;
    this.as = { nodeKey };
  }

  static async register(api: Api, user: As, description: Partial<NodeDescription> = {}): Promise<PlayedNode> {
    const { node, nodeKey } = await api.call("nodes.register", describeNode(description), user);
    if (!nodeKey) throw new Error("a user's registration must answer with the node's key");
    return new PlayedNode(api, node.nodeId, nodeKey);
  }

  /** The same node at another server. */
  at(api: Api): PlayedNode {
    return new PlayedNode(api, this.nodeId, this.as.nodeKey ?? "");
  }

  /**
   * Waits for one assignment; throws if none arrives in time. A poll may end early, for example when the node's status
   * changes.
   */
  take(): Promise<EndpointOutput<"nodes.poll">["assignments"][number]> {
    return waitFor("an assignment", async () => (await this.poll([], 1, 5)).assignments[0]);
  }

  poll(
    executions: string[],
    maxAssignments: number,
    waitSeconds: number,
    condition: Partial<NodeCondition> = {},
  ): Promise<EndpointOutput<"nodes.poll">> {
    return this.api.call("nodes.poll", { executions, maxAssignments, waitSeconds, condition }, this.as);
  }

  async report(
    executionId: string,
    status: ExecutionReport["status"],
    end: Partial<ExecutionReport> = {},
  ): Promise<string | undefined> {
    const reports = [{ executionId, status, at: new Date().toISOString(), ...end }];
    return (await this.api.call("nodes.result", { reports }, this.as)).outcomes[0];
  }

  /** Sends events of a workflow, of which `from` come before. */
  async tell(executionId: string, from: number, events: WorkflowEvent[]): Promise<number | "stale"> {
    const input = { executionId, from, events };
    return (await this.api.call("nodes.workflow-events", input, this.as)).stored;
  }

  /** Sends lines of standard output, numbered from `firstSeq`. */
  async log(
    executionId: string,
    firstSeq: number,
    texts: string[],
  ): Promise<number | "stale" | "full" | undefined> {
    const at = new Date().toISOString();
    const lines = texts.map((text, i) => ({ seq: firstSeq + i, stream: "stdout" as const, at, text }));
    const batches = [batchOf(executionId, runsOf(lines))];
    return (await this.api.call("nodes.logs", { batches }, this.as)).stored[0];
  }
}

export function describeNode(description: Partial<NodeDescription> = {}) {
  return {
    description: {
      name: "played",
      labels: { os: "linux" },
      capacity: { cpu: 4, memoryMb: 4_096, gpuCount: 0, slots: 4 },
      jobTypes: ["COMMAND" as const],
      agentVersion: "0.0.0",
      ...description,
    },
    executions: [],
  };
}
