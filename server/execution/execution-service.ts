import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import type { Reason } from "../../shared/reasons.ts";
import type { ArtifactStore } from "../artifact/artifact-store.ts";
import type { NodeIdentity } from "../http/handler.ts";
import type { JobFlow } from "../job/job-flow.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import type { JobStore } from "../job/job-store.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { Assigned } from "./execution-store.ts";
import type { Metering } from "./metering.ts";
import { withOwnOutputs } from "./own-outputs.ts";
import {
  applyReport,
  expireQueued,
  giveUp,
  putBack,
  releaseLease,
  renewDeadline,
  renewLease,
} from "./rules.ts";

export interface ExecutionServiceParts {
  jobs: JobStore;
  artifacts: Pick<ArtifactStore, "find">;
  flow: Pick<JobFlow, "changed">;
  /** Epoch milliseconds. */
  now: () => number;
  metering: Metering;
}

const MAX_REPORTED_ENDS = 10_000;
/** Longer than an answer takes. */
const ANSWERED_WITHIN_MS = 5_000;

/** No execution's change depends on another's. */
const EACH = { unrelated: true };

/**
 * Changes executions after they were assigned: applies what nodes report, and ends what tasks find overdue or lost.
 * `rules.ts` decides what becomes of an execution and its job; `JobFlow.changed` announces the result.
 */
export class ExecutionService {
  /** When ends were reported, by execution. */
  private readonly reportedEnds = new RecentMap<number>(MAX_REPORTED_ENDS);

  constructor(private readonly parts: ExecutionServiceParts) {}

  /** Whether executions on nodes of the pool cost no credit. */
  readonly isFree = (pool: string): boolean => this.parts.metering.isFree(pool);

  /** Returns the assignments that may go to their nodes. Jobs of the others go back to their queues. Safe to repeat. */
  async admit(assigned: readonly Assigned[]): Promise<Assigned[]> {
    const { admitted, refused } = await this.parts.metering.onAssigned(assigned);
    if (refused.length === 0) return admitted;
    const nowMs = this.parts.now();
    const jobs = await this.parts.jobs.change(
      refused.map(({ assigned: { execution }, why }) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => putBack(state, why, nowMs),
      })),
      EACH,
    );
    await this.parts.flow.changed(jobs);
    return admitted;
  }

  /** Applies a node's reports in order. Resolves with one outcome per report. */
  async report(
    node: Pick<NodeIdentity, "nodeId" | "businessId">,
    reports: readonly ExecutionReport[],
  ): Promise<ReportOutcome[]> {
    const nowMs = this.parts.now();
    const checked = await withOwnOutputs(this.parts.artifacts, node.businessId, reports);
    const results = await this.parts.jobs.change(
      checked.map((report) => ({
        key: { executionId: report.executionId, nodeId: node.nodeId },
        decide: (state) => applyReport(state, report, nowMs),
      })),
      EACH,
    );
    const ended = results.flatMap(({ job }, i) => {
      const { executionId = "" } = reports[i] ?? {};
      return job && job.status !== "RUNNING" ? [{ executionId, job }] : [];
    });
    for (const { executionId } of ended) this.reportedEnds.set(executionId, nowMs);
    this.parts.metering.onEnded(ended);
    await this.parts.flow.changed(
      results.map((result) => result.job),
      ended.length > 0 ? [node] : [],
    );
    return results.map((result) => result.outcome);
  }

  /** Whether the node has reported the end of this execution a moment ago, so that it hears of it in the answer to that. */
  hasJustReported(executionId: string): boolean {
    const reportedAtMs = this.reportedEnds.get(executionId);
    return reportedAtMs !== undefined && Math.abs(this.parts.now() - reportedAtMs) < ANSWERED_WITHIN_MS;
  }

  /** Ends queued jobs that have waited longer than their queueTtlSeconds. */
  async expireQueued(jobs: readonly { jobId: string; businessId: string }[]): Promise<void> {
    if (jobs.length === 0) return;
    const nowMs = this.parts.now();
    const expired = await this.parts.jobs.change(
      jobs.map((key) => ({ key, decide: (state) => expireQueued(state, nowMs) })),
      EACH,
    );
    await this.parts.flow.changed(expired);
  }

  /** Ends executions that their nodes will not end. */
  async giveUp(executions: readonly ExecutionRecord[], reason: Reason, message: string): Promise<void> {
    if (executions.length === 0) return;
    const nowMs = this.parts.now();
    const jobs = await this.parts.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => giveUp(state, reason, message, nowMs),
      })),
      EACH,
    );
    await this.ended(executions, jobs);
  }

  /** Takes back assignments that were not started before their lease expired. */
  async releaseLeases(executions: readonly ExecutionRecord[]): Promise<void> {
    if (executions.length === 0) return;
    const nowMs = this.parts.now();
    const jobs = await this.parts.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => releaseLease(state, nowMs),
      })),
      EACH,
    );
    await this.ended(executions, jobs);
  }

  /** Extends the leases of assignments that their node holds but has not started yet. */
  async renewLeases(executions: readonly ExecutionRecord[], leaseExpiresAtMs: number): Promise<void> {
    if (executions.length === 0) return;
    await this.parts.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => renewLease(state, leaseExpiresAtMs),
      })),
      EACH,
    );
  }

  /** Moves the deadlines of executions whose command is over on the node, and whose outputs are on their way. */
  async renewDeadlines(executions: readonly ExecutionRecord[], deadlineAtMs: number): Promise<void> {
    if (executions.length === 0) return;
    await this.parts.jobs.change(
      executions.map((execution) => ({
        key: { executionId: execution.executionId, nodeId: execution.nodeId },
        decide: (state) => renewDeadline(state, deadlineAtMs),
      })),
      EACH,
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
    this.parts.metering.onEnded(
      ended.map(({ execution, job }) => ({ executionId: execution.executionId, job })),
    );
    await this.parts.flow.changed(
      jobs,
      ended.map(({ execution }) => execution),
    );
  }
}
