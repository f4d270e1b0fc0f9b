import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import type { Reason } from "../../shared/reasons.ts";
import type { NodeIdentity } from "../http/handler.ts";
import type { JobFlow } from "../job/job-flow.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { JobStore } from "../job/job-store.ts";
import type { Assigned } from "./execution-store.ts";
import { type Metering, NO_METERING } from "./metering.ts";
import { applyReport, expireQueued, giveUp, putBack, releaseLease, renewLease } from "./rules.ts";

/** Everything that moves an execution on: what nodes report, and what tasks find out. */
export class ExecutionService {
  constructor(
    private readonly jobs: JobStore,
    private readonly flow: Pick<JobFlow, "changed">,
    private readonly now: () => number,
    private readonly metering: Metering = NO_METERING,
  ) {}

  /** Those of the assignments that may go to their nodes; jobs of the others go back into their queues. Safe to repeat. */
  async admit(assigned: readonly Assigned[]): Promise<Assigned[]> {
    const { admitted, refused } = await this.metering.onAssigned(assigned);
    if (refused.length === 0) return admitted;
    const nowMs = this.now();
    const jobs = await this.jobs.change(
      refused.map(({ assigned: { execution }, why }) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => putBack(state, why, nowMs),
      })),
    );
    await this.flow.changed(jobs);
    return admitted;
  }

  /** Applies a node's reports in order; one outcome each. */
  async report(
    node: Pick<NodeIdentity, "nodeId" | "businessId">,
    reports: readonly ExecutionReport[],
  ): Promise<ReportOutcome[]> {
    const nowMs = this.now();
    const results = await this.jobs.change(
      reports.map((report) => ({
        key: { executionId: report.executionId, nodeId: node.nodeId },
        decide: (state) => applyReport(state, report, nowMs),
      })),
    );
    const ended = results.flatMap(({ job }, i) => {
      const { executionId = "" } = reports[i] ?? {};
      return job && job.status !== "RUNNING" ? [{ executionId, job }] : [];
    });
    this.metering.onEnded(ended);
    await this.flow.changed(
      results.map((result) => result.job),
      ended.length > 0 ? [node] : [],
    );
    return results.map((result) => result.outcome);
  }

  /** Ends queued jobs that have waited too long. */
  async expireQueued(jobs: readonly { jobId: string; businessId: string }[]): Promise<void> {
    if (jobs.length === 0) return;
    const nowMs = this.now();
    const expired = await this.jobs.change(
      jobs.map((key) => ({ key, decide: (state) => expireQueued(state, nowMs) })),
    );
    await this.flow.changed(expired);
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
    await this.ended(executions, jobs);
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
    await this.ended(executions, jobs);
  }

  /** Gives assignments that their node holds and has not started until then. */
  async renewLeases(executions: readonly ExecutionRecord[], leaseExpiresAtMs: number): Promise<void> {
    if (executions.length === 0) return;
    await this.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => renewLease(state, leaseExpiresAtMs),
      })),
    );
  }

  private async ended(
    executions: readonly ExecutionRecord[],
    jobs: readonly (JobRecord | undefined)[],
  ): Promise<void> {
    const ended = executions.flatMap((execution, i) => {
      const job = jobs[i];
      return job ? [{ execution, job }] : [];
    });
    this.metering.onEnded(ended.map(({ execution, job }) => ({ executionId: execution.executionId, job })));
    await this.flow.changed(
      jobs,
      ended.map(({ execution }) => execution),
    );
  }
}
