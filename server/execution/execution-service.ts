import { isFinal } from "../../shared/job-state.ts";
import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import type { Reason } from "../../shared/reasons.ts";
import type { Bus } from "../bus/bus.ts";
import type { NodeIdentity } from "../http/handler.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { JobStore } from "../job/job-store.ts";
import { applyReport, giveUp, releaseLease } from "./rules.ts";

/** Everything that moves an execution on: what nodes report, and what tasks find out. */
export class ExecutionService {
  constructor(
    private readonly jobs: JobStore,
    private readonly bus: Bus,
    private readonly now: () => number,
    /** Called when a job waits for a retry at `dueAtMs`, so that it need not wait for the tick. */
    private readonly onRetryDue: (dueAtMs: number) => void,
  ) {}

  /** Applies a node's reports in order; one outcome each. */
  async report(node: NodeIdentity, reports: readonly ExecutionReport[]): Promise<ReportOutcome[]> {
    const nowMs = this.now();
    const results = await this.jobs.change(
      reports.map((report) => ({
        key: { executionId: report.executionId, nodeId: node.nodeId },
        decide: (state) => applyReport(state, report, nowMs),
      })),
    );
    let ended = false;
    for (const { job } of results) {
      if (!job) continue;
      this.announce(job);
      ended ||= job.status !== "RUNNING";
    }
    if (ended) this.bus.publish("wake", { businessId: node.businessId, nodeId: node.nodeId });
    return results.map((result) => result.outcome);
  }

  /** Ends executions their nodes will not end. */
  async giveUp(executions: readonly ExecutionRecord[], reason: Reason, message: string): Promise<void> {
    if (executions.length === 0) return;
    const nowMs = this.now();
    const jobs = await this.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => giveUp(state, reason, message, nowMs),
      })),
    );
    this.announceAll(jobs);
  }

  /** Takes back assignments that were not started within their lease. */
  async releaseLeases(executions: readonly ExecutionRecord[]): Promise<void> {
    if (executions.length === 0) return;
    const nowMs = this.now();
    const jobs = await this.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => releaseLease(state, nowMs),
      })),
    );
    this.announceAll(jobs);
  }

  /** Tells whoever waits that these jobs have changed, and that there may be work again. */
  announceAll(jobs: readonly (JobRecord | undefined)[]): void {
    const businesses = new Set<string>();
    for (const job of jobs) {
      if (!job) continue;
      this.announce(job);
      businesses.add(job.businessId);
    }
    for (const businessId of businesses) this.bus.publish("wake", { businessId });
  }

  private announce(job: JobRecord): void {
    this.bus.publish("job", { jobId: job.jobId, businessId: job.businessId });
    if (!isFinal(job.status) && job.notBeforeMs !== undefined) this.onRetryDue(job.notBeforeMs);
  }
}
