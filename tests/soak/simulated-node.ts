import { isCode, isLostAccess } from "../../agent/session/errors.ts";
import { openSocket } from "../../agent/session/open-socket.ts";
import { ServerLine } from "../../agent/session/server-line.ts";
import { ComputeClient } from "../../sdk/client.ts";
import { type AgentRun, nodeHeaders } from "../../shared/node.ts";
import { pause } from "../../shared/wait.ts";
import type { Api, NodeCalls } from "../support/api.ts";
import { describeNode } from "../support/played-node.ts";
import type { Dice } from "../support/seeded.ts";
import { AnyServer } from "./any-server.ts";
import { SimulatedAgent } from "./simulated-agent.ts";
import type { Witness } from "./witness.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface NodePlan {
  calls: NodeCalls;
  slots: number;
  sendsTwice: boolean;
}

/** How one run of an agent gives way to the next, at the same place. */
export interface Replacement {
  /** The next run takes over the jobs; otherwise they ended with the run before. */
  keepsJobs: boolean;
  /** The same run registers again, as if it had forgotten its jobs; otherwise it is another process. */
  isSameRun: boolean;
  /** So long after that, the run before reports that its jobs have ended. It must not be believed. */
  lateMs?: number | undefined;
}

export interface NodeParts extends NodePlan {
  name: string;
  /** Where its agents reach the servers; it starts with the one of this index. */
  urls: readonly string[];
  first: number;
  pool: string;
  witness: Witness;
  dice: Dice;
}

/** A node that runs nothing, and the runs of its agent, one after the other. */
export class SimulatedNode {
  private readonly lines: ServerLine[] = [];
  private agent: SimulatedAgent;
  private next: { agent: SimulatedAgent; how: Replacement } | undefined;

  private constructor(
    private readonly parts: NodeParts,
    private readonly nodeKey: string,
    run: AgentRun,
  ) {
    this.agent = this.agentOf(run);
  }

  static async register(api: Api, token: string, parts: NodeParts): Promise<SimulatedNode> {
    const run = {
      runId: crypto.randomUUID(),
      place: crypto.randomUUID(),
      machine: parts.name,
      host: parts.name,
      pid: 1,
    };
    const { node, nodeKey } = await api.call("nodes.register", { ...describe(parts), run }, { token });
    parts.witness.slots.set(node.nodeId, parts.slots);
    return new SimulatedNode(parts, nodeKey ?? "", run);
  }

  /** The run of the agent ends now, and the next one begins. */
  replace(how: Replacement): void {
    if (this.next) return;
    const { run } = this.agent.parts;
    const nextRun = how.isSameRun ? run : { ...run, runId: crypto.randomUUID(), pid: run.pid + 1 };
    this.next = { how, agent: this.agentOf(nextRun, this.agent.die(how.keepsJobs)) };
  }

  /** Works until `signal` fires. Rejects with an error that no retry can cure. */
  async run(signal: AbortSignal): Promise<void> {
    const late: Promise<void>[] = [];
    try {
      await this.agent.run(signal);
      while (this.next && !signal.aborted) {
        const { how, agent } = this.next;
        const before = this.agent;
        await agent.register(signal);
        this.agent = agent;
        this.next = undefined;
        if (how.lateMs !== undefined) late.push(this.reportLate(before, how, signal));
        await agent.run(signal);
      }
      await Promise.all(late);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const line of this.lines) line.close();
    }
  }

  /** A run that has given way reports. Another run than the node's own is refused; for the same run its jobs are over. */
  private async reportLate(
    before: SimulatedAgent,
    { lateMs = 0, isSameRun }: Replacement,
    signal: AbortSignal,
  ): Promise<void> {
    await pause(lateMs, signal);
    const reports = before.lateReports();
    if (reports.length === 0 || signal.aborted) return;
    const { witness } = this.parts;
    witness.late += reports.length;
    try {
      const { outcomes } = await before.parts.server.call("nodes.result", () => ({ reports }), signal);
      for (const [i, { executionId, status }] of reports.entries()) {
        const isBelieved = !isSameRun || outcomes[i] === "applied";
        if (isBelieved) witness.faults.push(`a late ${status} of ${executionId} was answered ${outcomes[i]}`);
      }
    } catch (error) {
      const isRefused = isCode(error, "node_taken") || isLostAccess(error);
      if (!signal.aborted && !(isRefused && !isSameRun)) throw error;
    }
  }

  private agentOf(run: AgentRun, held?: ReturnType<SimulatedAgent["die"]>): SimulatedAgent {
    const { witness, sendsTwice, dice, first } = this.parts;
    const server = new AnyServer(this.clientsOf(run), first);
    const { description } = describe(this.parts);
    return new SimulatedAgent({ server, run, description, witness, dice, sendsTwice }, held);
  }

  private clientsOf({ runId }: AgentRun): ComputeClient[] {
    const headers = nodeHeaders(this.nodeKey, runId);
    return this.parts.urls.map((url) => {
      const client = new ComputeClient({ url, credentials: { headers: () => headers } });
      if (this.parts.calls === "http") return client;
      const line = new ServerLine({
        url,
        open: (headers) => openSocket({ url }, headers),
        mode: () => "auto",
        // While the server counts as away, every call tries the socket first.
        connection: { awaySince: new Date().toISOString() },
        log: silent,
      });
      this.lines.push(line);
      return client.over(line.withHeaders(headers));
    });
  }
}

function describe({ name, slots, pool }: Pick<NodeParts, "name" | "slots" | "pool">) {
  return describeNode({ name, pool, capacity: { cpu: 64, memoryMb: 65_536, gpuCount: 0, slots } });
}
