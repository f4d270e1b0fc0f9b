import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { Assignment, ExecutionReport, NodeOrders } from "../../shared/node.ts";
import { describeNode } from "../support/played-node.ts";
import { AnyServer } from "./any-server.ts";

const HEARTBEAT_MS = 5_000;
const IDLE_MS = 20;

interface Held {
  jobId: string;
  reports: ExecutionReport[];
  logged: boolean;
}

/**
 * A node that runs nothing: every job it gets writes one line and succeeds immediately. It keeps unacknowledged reports
 * and sends them again to whichever server answers, as the real agent does.
 */
export class SimulatedAgent {
  /** By job: how many of its final reports were answered `applied`. */
  readonly applied = new Map<string, number>();
  private readonly held = new Map<string, Held>();
  private readonly server: AnyServer;

  constructor(urls: readonly string[], nodeKey: string, first: number) {
    this.server = new AnyServer(urls, { headers: () => ({ "x-api-key": nodeKey }) }, first);
  }

  /** Works until `signal` fires. Rejects with an error that no retry can cure. */
  async run(signal: AbortSignal): Promise<void> {
    const loops = [this.heartbeats(signal), this.polls(signal), this.reports(signal)];
    await Promise.all(
      loops.map((loop) =>
        loop.catch((error) => {
          if (!signal.aborted) throw error;
        }),
      ),
    );
  }

  private async heartbeats(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.obey(await this.server.call("nodes.heartbeat", () => ({ executions: this.ids() }), signal));
      await Bun.sleep(HEARTBEAT_MS);
    }
  }

  private async polls(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const input = () => ({ executions: this.ids(), maxAssignments: 16, waitSeconds: 5 });
      const answer = await this.server.call("nodes.poll", input, signal);
      this.obey(answer);
      for (const assignment of answer.assignments) this.begin(assignment);
    }
  }

  private async reports(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sendLines(signal);
      const reports = [...this.held.values()].filter((one) => one.logged).flatMap((one) => one.reports);
      if (reports.length === 0) {
        await Bun.sleep(IDLE_MS);
        continue;
      }
      const { outcomes } = await this.server.call("nodes.result", () => ({ reports }), signal);
      for (const [i, report] of reports.entries()) {
        const one = this.held.get(report.executionId);
        if (report.status === "RUNNING" || !one) continue;
        if (outcomes[i] === "applied") this.applied.set(one.jobId, (this.applied.get(one.jobId) ?? 0) + 1);
        this.held.delete(report.executionId);
      }
    }
  }

  private async sendLines(signal: AbortSignal): Promise<void> {
    const unsent = [...this.held].filter(([, one]) => !one.logged);
    if (unsent.length === 0) return;
    const at = new Date().toISOString();
    const batches: EndpointInput<"nodes.logs">["batches"] = unsent.map(([executionId, { jobId }]) =>
      batchOf(executionId, runsOf([{ seq: 1, stream: "stdout", at, text: jobId }])),
    );
    await this.server.call("nodes.logs", () => ({ batches }), signal);
    for (const [, one] of unsent) one.logged = true;
  }

  private begin({ executionId, jobId }: Assignment): void {
    if (this.held.has(executionId)) return;
    const at = new Date().toISOString();
    const reports: ExecutionReport[] = [
      { executionId, status: "RUNNING", at },
      { executionId, status: "SUCCEEDED", at, exitCode: 0 },
    ];
    this.held.set(executionId, { jobId, reports, logged: false });
  }

  private obey(orders: NodeOrders): void {
    for (const executionId of orders.abandon) this.held.delete(executionId);
  }

  private ids(): string[] {
    return [...this.held.keys()];
  }
}

export const simulatedNode = (name: string) =>
  describeNode({ name, capacity: { cpu: 64, memoryMb: 65_536, gpuCount: 0, slots: 64 } });
