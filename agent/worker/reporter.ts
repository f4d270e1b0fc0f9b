import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { ExecutionReport, ReportOutcome } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import { Bell, pause } from "../../shared/wait.ts";
import type { NodeSession } from "../session/node-session.ts";
import { firstReports } from "./report-batch.ts";

export interface ReportListener {
  /** How many executions run now. */
  readonly running: number;
  /** How many jobs wait here for a slot, which they get before their node's reports have reached the server. */
  readonly waiting: number;
  /** `refused`: the server will never take this report. */
  reportAnswered(report: ExecutionReport, outcome: ReportOutcome | "refused"): void;
}

const IDLE_MS = 60_000;
/**
 * The gap between two requests, for each running execution. With few executions each report leaves immediately. With
 * many short ones a request carries several starts and ends, which is less work for both sides.
 */
const GAP_PER_EXECUTION_MS = 0.5;
const MAX_GAP_MS = 5;
/** The same while jobs wait here for slots: then no slot is empty until the server knows that it is free. */
const MAX_GAP_WITH_WAITING_MS = 20;

/** Sends reports in order, one request at a time. Reports that come during a request go together in the next. */
export class Reporter {
  private readonly bell = new Bell();
  private queue: ExecutionReport[] = [];

  add(report: ExecutionReport): void {
    this.queue.push(report);
    this.bell.ring();
  }

  async run(session: NodeSession, listener: ReportListener, log: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.queue.length === 0) await this.bell.wait(signal, IDLE_MS);
      const reports = firstReports(this.queue);
      if (reports.length === 0 || signal.aborted) continue;
      const sentAtMs = performance.now();
      const outcomes = await this.send(session, reports, log, signal);
      this.queue.splice(0, outcomes.length);
      for (const [i, outcome] of outcomes.entries()) {
        const report = reports[i];
        if (report) listener.reportAnswered(report, outcome);
      }
      const gapMs =
        listener.waiting > 0
          ? MAX_GAP_WITH_WAITING_MS
          : Math.min(listener.running * GAP_PER_EXECUTION_MS, MAX_GAP_MS);
      const leftMs = sentAtMs + gapMs - performance.now();
      if (leftMs > 0) await pause(leftMs, signal);
    }
  }

  /**
   * Returns the outcomes of the first reports, possibly fewer than were given: when the server refuses the request,
   * only the first report is sent again, so that a refused report does not block the others.
   */
  private async send(
    session: NodeSession,
    reports: ExecutionReport[],
    log: Logger,
    signal: AbortSignal,
  ): Promise<(ReportOutcome | "refused")[]> {
    try {
      return (await session.call("nodes.result", () => ({ reports }), signal)).outcomes;
    } catch (error) {
      if (!(error instanceof ComputeError)) throw error;
      const [first] = reports;
      if (reports.length > 1 && first) return this.send(session, [first], log, signal);
      log.error(`The server refuses the report of an execution: ${textOf(error)}`, { ...first });
      return ["refused"];
    }
  }
}
