import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import type { SimulatedJob } from "./simulated-job.ts";

/** A job, an array or a job of an array whose submit was answered. */
export interface AskedJob {
  job: SimulatedJob;
  maxRetries: number;
  /** How many jobs it is, and how many of them may run at once; only for an array. */
  array?: { size: number; atOnce: number | undefined } | undefined;
  group?: { name: string; limit: number } | undefined;
  /** The job that it comes after. */
  after?: string | undefined;
  /** Somebody has asked to cancel it, and when the answer arrived, epoch milliseconds. */
  isCancelSent?: boolean;
  cancelledAtMs?: number;
}

/** What agents have reported of an execution, and what the servers answered. */
export interface SeenExecution {
  jobId: string;
  /** Statuses that an agent has sent. */
  sent: Set<ExecutionReport["status"]>;
  /** By status: how many reports were answered `applied`, and how many `applied` or `repeated`. */
  applied: Map<ExecutionReport["status"], number>;
  known: Map<ExecutionReport["status"], number>;
  /** Lines that the server has acknowledged. */
  storedLines: number;
}

/** What the servers have answered to clients and agents, which must be true in the end. Rules that an answer breaks at once are faults. */
export class Witness {
  readonly faults: string[] = [];
  /** By node: how many jobs it may run at once. */
  readonly slots = new Map<string, number>();
  /** How many reports came from runs of agents that had given way. */
  late = 0;
  readonly jobs = new Map<string, AskedJob>();
  readonly executions = new Map<string, SeenExecution>();
  /** By job: the execution that runs, from the answer to its start until its agent reports the end, dies or gives it up. */
  private readonly running = new Map<string, string>();

  assigned(executionId: string, jobId: string): void {
    if (this.executions.has(executionId)) return;
    const nothing = { sent: new Set<never>(), applied: new Map(), known: new Map(), storedLines: 0 };
    this.executions.set(executionId, { jobId, ...nothing });
  }

  sent({ executionId, status }: ExecutionReport): void {
    this.executions.get(executionId)?.sent.add(status);
  }

  answered({ executionId, status }: ExecutionReport, outcome: ReportOutcome): void {
    const seen = this.executions.get(executionId);
    if (!seen || outcome === "stale") return;
    seen.known.set(status, (seen.known.get(status) ?? 0) + 1);
    if (outcome === "applied") seen.applied.set(status, (seen.applied.get(status) ?? 0) + 1);
  }

  stored(executionId: string, lines: number): void {
    const seen = this.executions.get(executionId);
    if (seen) seen.storedLines = Math.max(seen.storedLines, lines);
  }

  /** A server has confirmed that the execution runs. */
  runs(jobId: string, executionId: string): void {
    const other = this.running.get(jobId);
    if (other !== undefined && other !== executionId)
      this.faults.push(`${jobId} ran twice at once: ${executionId} was started while ${other} ran`);
    this.running.set(jobId, executionId);
  }

  runsNoMore(jobId: string, executionId: string): void {
    if (this.running.get(jobId) === executionId) this.running.delete(jobId);
  }
}
