import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { AgentRun, Assignment, ExecutionReport, NodeOrders } from "../../shared/node.ts";
import { pause } from "../../shared/wait.ts";
import type { Dice } from "../support/seeded.ts";
import type { AnyServer } from "./any-server.ts";
import { jobOf, lineOf, type SimulatedJob } from "./simulated-job.ts";
import type { Witness } from "./witness.ts";

const HEARTBEAT_MS = 2_000;
const IDLE_MS = 40;
const MOST_AT_ONCE = 16;
/** How many of the requests are sent twice, by agents that do that. */
const SENT_TWICE = 0.3;

/** An execution that an agent holds. Times are those of `performance.now()`. */
interface Held {
  jobId: string;
  attempt: number;
  job: SimulatedJob;
  beginsAtMs: number;
  endsAtMs: number;
  /** A server has confirmed its start. */
  isStarted: boolean;
  /** The server has ordered to end it; `early`: before it began. */
  cancelled?: "early" | "late";
  /** How many lines the server has. */
  lines: number;
  /** Its end was sent. */
  isEnded: boolean;
}

export interface AgentParts {
  /** Speaks as this run of the agent. */
  server: AnyServer;
  run: AgentRun;
  /** What the node announces when it registers. */
  description: EndpointInput<"nodes.register">["description"];
  witness: Witness;
  dice: Dice;
  /** It sends some requests twice at the same time. */
  sendsTwice: boolean;
}

/**
 * One run of an agent that plays its jobs. It keeps what is not acknowledged and sends it again to whichever server
 * answers, as the real agent does.
 */
export class SimulatedAgent {
  private readonly death = new AbortController();

  constructor(
    readonly parts: AgentParts,
    private readonly held = new Map<string, Held>(),
  ) {}

  /** Announces the node as this run, with what it holds. */
  async register(signal: AbortSignal): Promise<void> {
    const { server, run, description } = this.parts;
    await server.call("nodes.register", () => ({ description, executions: this.ids(), run }), signal);
  }

  /** Works until it dies or `signal` fires. Rejects with an error that no retry can cure. */
  async run(signal: AbortSignal): Promise<void> {
    const alive = AbortSignal.any([signal, this.death.signal]);
    const loops = [this.heartbeats(alive), this.polls(alive), this.reports(alive)];
    await Promise.all(
      loops.map((loop) =>
        loop.catch((error) => {
          if (!alive.aborted) throw error;
        }),
      ),
    );
  }

  /** Ends it in the middle of whatever it does. Its jobs end with it, unless `keepsJobs`: then the next run takes them over. */
  die(keepsJobs: boolean): Map<string, Held> {
    this.death.abort();
    if (keepsJobs) return new Map([...this.held].map(([id, one]) => [id, { ...one }]));
    for (const [executionId, { jobId }] of this.held) this.parts.witness.runsNoMore(jobId, executionId);
    return new Map();
  }

  /** The ends of what runs here, as a run that was cut off would report them later. */
  lateReports(): ExecutionReport[] {
    const started = [...this.held].filter(([, one]) => one.isStarted);
    return started.map(([executionId, one]) => endOf(executionId, one));
  }

  private async heartbeats(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.obey(await this.parts.server.call("nodes.heartbeat", () => ({ executions: this.ids() }), signal));
      await pause(HEARTBEAT_MS, signal);
    }
  }

  private async polls(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const input = () => ({ executions: this.ids(), maxAssignments: MOST_AT_ONCE, waitSeconds: 5 });
      const answer = await this.parts.server.call("nodes.poll", input, signal);
      signal.throwIfAborted();
      this.obey(answer);
      for (const assignment of answer.assignments) this.begin(assignment);
    }
  }

  private async reports(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sendLines(signal);
      const reports = [...this.held].flatMap(([executionId, one]) => dueReports(executionId, one));
      if (reports.length === 0) await pause(IDLE_MS, signal);
      else await this.send(reports, signal);
    }
  }

  private async send(reports: ExecutionReport[], signal: AbortSignal): Promise<void> {
    const { server, witness } = this.parts;
    for (const report of reports) {
      witness.sent(report);
      const one = this.held.get(report.executionId);
      if (report.status === "RUNNING" || !one) continue;
      one.isEnded = true;
      witness.runsNoMore(one.jobId, report.executionId);
    }
    const answers = await this.onceOrTwice(() => server.call("nodes.result", () => ({ reports }), signal));
    signal.throwIfAborted();
    for (const { outcomes } of answers)
      for (const [i, report] of reports.entries()) this.answered(report, outcomes[i] ?? "stale");
  }

  private answered(report: ExecutionReport, outcome: "applied" | "repeated" | "stale"): void {
    const { executionId, status } = report;
    const { witness } = this.parts;
    witness.answered(report, outcome);
    const one = this.held.get(executionId);
    if (!one) return;
    if (status !== "RUNNING" || outcome === "stale") {
      this.drop(executionId);
      return;
    }
    one.isStarted = true;
    if (!one.isEnded) witness.runs(one.jobId, executionId);
  }

  private async sendLines(signal: AbortSignal): Promise<void> {
    const unsent = [...this.held].filter(([, one]) => one.lines < dueLines(one));
    if (unsent.length === 0) return;
    const at = new Date().toISOString();
    const batches = unsent.map(([executionId, one]) => {
      const seqs = Array.from({ length: dueLines(one) - one.lines }, (_, i) => one.lines + 1 + i);
      const lines = seqs.map((seq) => ({
        seq,
        stream: "stdout" as const,
        at,
        text: lineOf(executionId, seq),
      }));
      return batchOf(executionId, runsOf(lines));
    });
    const { server, witness } = this.parts;
    const answers = await this.onceOrTwice(() => server.call("nodes.logs", () => ({ batches }), signal));
    signal.throwIfAborted();
    for (const { stored } of answers)
      for (const [i, [executionId, one]] of unsent.entries()) {
        const count = stored[i];
        if (count === "stale") this.drop(executionId);
        if (typeof count !== "number") continue;
        one.lines = Math.max(one.lines, count);
        witness.stored(executionId, count);
      }
  }

  private onceOrTwice<T>(send: () => Promise<T>): Promise<T[]> {
    const { sendsTwice, dice } = this.parts;
    return Promise.all(sendsTwice && dice.chance(SENT_TWICE) ? [send(), send()] : [send()]);
  }

  private begin({ executionId, jobId, attempt, manifest }: Assignment): void {
    if (this.held.has(executionId)) return;
    this.parts.witness.assigned(executionId, jobId);
    const job = jobOf(manifest.command);
    const beginsAtMs = performance.now() + job.startMs;
    const endsAtMs = beginsAtMs + job.runMs;
    const begun = { isStarted: false, lines: 0, isEnded: false };
    this.held.set(executionId, { jobId, attempt, job, beginsAtMs, endsAtMs, ...begun });
  }

  private obey(orders: NodeOrders): void {
    for (const executionId of orders.cancel) {
      const one = this.held.get(executionId);
      if (one) one.cancelled ??= hasBegun(one) ? "late" : "early";
    }
    for (const executionId of orders.abandon) this.drop(executionId);
  }

  private drop(executionId: string): void {
    const one = this.held.get(executionId);
    if (one) this.parts.witness.runsNoMore(one.jobId, executionId);
    this.held.delete(executionId);
  }

  private ids(): string[] {
    return [...this.held.keys()];
  }
}

function hasBegun({ beginsAtMs }: Held): boolean {
  return performance.now() >= beginsAtMs;
}

function isOver({ endsAtMs, cancelled }: Held): boolean {
  return cancelled !== undefined || performance.now() >= endsAtMs;
}

function dueLines(one: Held): number {
  if (one.cancelled === "early" || !hasBegun(one)) return 0;
  return isOver(one) ? one.job.lines : Math.floor(one.job.lines / 2);
}

function dueReports(executionId: string, one: Held): ExecutionReport[] {
  if (one.cancelled === "early") return [endOf(executionId, one)];
  if (!hasBegun(one)) return [];
  const reports: ExecutionReport[] = [];
  if (!one.isStarted) reports.push({ executionId, status: "RUNNING", at: new Date().toISOString() });
  if (isOver(one) && one.lines >= one.job.lines) reports.push(endOf(executionId, one));
  return reports;
}

function endOf(executionId: string, { cancelled, attempt, job }: Held): ExecutionReport {
  const at = new Date().toISOString();
  if (cancelled) return { executionId, status: "CANCELLED", at };
  return attempt <= job.failures
    ? { executionId, status: "FAILED", at, exitCode: 1 }
    : { executionId, status: "SUCCEEDED", at, exitCode: 0 };
}
