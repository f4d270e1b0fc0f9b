import { isFinal } from "../../shared/job-state.ts";
import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import type { Reason } from "../../shared/reasons.ts";
import type { Bus } from "../bus/bus.ts";
import type { NodeIdentity } from "../http/handler.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { JobStore } from "../job/job-store.ts";
import { applyReport, expireQueued, giveUp, releaseLease } from "./rules.ts";

/** Told when something is due before the next tick (epoch milliseconds), so that it need not wait for it. */
export interface DueTimes {
  /** A job may be handed out from then on. */
  start(dueAtMs: number): void;
  /** A job has waited too long by then. */
  expiry(dueAtMs: number): void;
}

/** Everything that moves an execution on: what nodes report, and what tasks find out. */
export class ExecutionService {
  constructor(
    private readonly jobs: JobStore,
    private readonly bus: Bus,
    private readonly now: () => number,
    private readonly due: DueTimes,
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

  /** Ends queued jobs that have waited too long. */
  async expireQueued(jobs: readonly { jobId: string; businessId: string }[]): Promise<void> {
    if (jobs.length === 0) return;
    const nowMs = this.now();
    this.announceAll(
      await this.jobs.change(jobs.map((key) => ({ key, decide: (state) => expireQueued(state, nowMs) }))),
    );
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
    if (!isFinal(job.status) && job.notBeforeMs !== undefined) this.due.start(job.notBeforeMs);
    if (job.queueDeadlineMs !== undefined) this.due.expiry(job.queueDeadlineMs);
  }
}
