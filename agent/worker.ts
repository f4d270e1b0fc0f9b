import type { JobType } from "../shared/manifest.ts";
import type { Assignment, ExecutionReport, NodeOrders, ReportOutcome } from "../shared/node.ts";
import type { AgentLog } from "./agent-log.ts";
import { ExecutionRun, type RunEnd } from "./execution-run.ts";
import { type ExecutionEvent, type ExecutionPhase, nextStep, takesSlot } from "./execution-state.ts";
import type { Environment } from "./executors/environment.ts";
import type { Executor } from "./executors/executor.ts";
import type { Outbox, OutboxEntry } from "./journal/outbox.ts";
import { ExecutionLog, QuietLines } from "./logs/execution-log.ts";
import type { LogShipper } from "./logs/log-shipper.ts";
import { LogSpool, type SpoolRoom } from "./logs/spool.ts";
import type { Reporter } from "./loops/reporter.ts";
import type { ServerClock } from "./server-clock.ts";
import { Bell } from "./wait.ts";

export interface WorkerOptions {
  slots: number;
  workRoot: string;
  environment: Environment;
  executors: ReadonlyMap<JobType, Executor>;
  spoolRoom: SpoolRoom;
  outbox: Outbox;
  reporter: Reporter;
  shipper: LogShipper;
  clock: ServerClock;
  log: AgentLog;
}

/** One execution that this agent has something to do for. */
interface Held {
  phase: ExecutionPhase;
  spool: LogSpool;
  /** Not yet acknowledged, in order. */
  reports: ExecutionReport[];
  /** Absent for one whose command ended in an earlier run of the agent. */
  run?: ExecutionRun;
}

/** The most executions held at once; more than the server accepts in one list must never come together. */
const MAX_HELD = 9_000;
const MAX_ASSIGNMENTS = 1_000;

/**
 * The one place that decides: loops and runs tell it what happened, it keeps the state of every execution and says
 * what is done about it.
 */
export class Worker {
  /** Called when this worker takes no new executions any more. */
  onDrain: (() => void) | undefined;
  /** Rings when an execution is gone, or this worker takes no new ones any more. */
  readonly settled = new Bell();
  private readonly options: WorkerOptions;
  private readonly executions = new Map<string, Held>();
  private readonly quiet = new QuietLines();
  private slotsTaken = 0;
  private draining = false;

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  get running(): number {
    return this.slotsTaken;
  }

  /** Executions whose lines or result the server does not have yet, and those that run. */
  held(): string[] {
    return [...this.executions.keys()];
  }

  /** The most executions to ask the server for at once; it hands out no more than fit beside what it knows to run here. */
  get wanted(): number {
    return this.draining
      ? 0
      : Math.min(this.options.slots, MAX_ASSIGNMENTS, Math.max(0, MAX_HELD - this.executions.size));
  }

  private get freeSlots(): number {
    if (this.draining) return 0;
    return Math.max(0, Math.min(this.options.slots - this.slotsTaken, MAX_HELD - this.executions.size));
  }

  /** Takes up what an earlier run of this agent could not hand over. */
  resume(entries: readonly OutboxEntry[]): void {
    for (const { executionId, reports, lastSeq } of entries) {
      const spool = LogSpool.reopen(executionId, this.options.spoolRoom, lastSeq);
      this.executions.set(executionId, { phase: "ended", spool, reports: [...reports] });
      if (spool.isDelivered) this.apply(executionId, "linesStored");
      else this.options.shipper.appended(spool);
    }
  }

  assign(assignments: readonly Assignment[]): void {
    for (const assignment of assignments) this.begin(assignment);
  }

  /** Returns whether there was anything to do. */
  obey(orders: Pick<NodeOrders, "cancel" | "abandon">): boolean {
    let changed = false;
    for (const id of orders.abandon) changed = this.apply(id, "disown") || changed;
    for (const id of orders.cancel) changed = this.apply(id, "cancel") || changed;
    return changed;
  }

  linesStored(executionId: string): void {
    // Stored as far as there were any; only an execution whose command is over has no more to come.
    this.apply(executionId, "linesStored");
  }

  linesRefused(executionId: string): void {
    this.apply(executionId, "linesRefused");
  }

  reportAnswered(report: ExecutionReport, outcome: ReportOutcome | "refused"): void {
    const held = this.executions.get(report.executionId);
    if (!held) return;
    held.reports = held.reports.filter((one) => one !== report);
    if (report.status !== "RUNNING") this.apply(report.executionId, "resultTaken");
    else if (outcome === "stale") this.apply(report.executionId, "disown");
  }

  /** Take no new job; what runs goes on. */
  drain(): void {
    this.draining = true;
    this.onDrain?.();
    this.settled.ring();
  }

  cancelAll(): void {
    for (const id of this.held()) this.apply(id, "cancel");
  }

  serverAway(): void {
    this.options.spoolRoom.serverAway = true;
    for (const [id, held] of this.executions) {
      held.spool.spill();
      this.saveResult(id, held);
    }
  }

  serverBack(): void {
    this.options.spoolRoom.serverAway = false;
  }

  /** Leaves on disk what the next run of the agent must send. */
  keepForNextRun(): void {
    for (const [id, held] of this.executions) {
      held.spool.keepForNextRun();
      this.saveResult(id, held);
    }
  }

  private begin(assignment: Assignment): void {
    const { executionId } = assignment;
    const { log, clock } = this.options;
    if (this.executions.has(executionId)) return;
    if (this.freeSlots === 0) {
      if (!this.draining) log.warn(`No slot is free for ${executionId}; it is left to its lease.`);
      return;
    }
    if (clock.isPast(assignment.leaseExpiresAt)) {
      log.warn(`${executionId} came after its lease had run out and is not started.`);
      return;
    }
    const spool = new LogSpool(executionId, this.options.spoolRoom);
    const run = this.createRun(assignment, spool);
    this.executions.set(executionId, { phase: "running", spool, reports: [], run });
    this.slotsTaken++;
    run.run().then((end) => this.finished(executionId, end));
  }

  private createRun(assignment: Assignment, spool: LogSpool): ExecutionRun {
    const { executors, workRoot, environment, log, shipper } = this.options;
    const { executionId, manifest } = assignment;
    return new ExecutionRun({
      assignment,
      executor: executors.get(manifest.type),
      workRoot,
      environment,
      log,
      output: new ExecutionLog(spool, { appended: (one) => shipper.appended(one), quiet: this.quiet }),
      onStarted: () => this.started(executionId),
    });
  }

  private started(executionId: string): void {
    const held = this.executions.get(executionId);
    if (!held || held.phase === "abandoned") return;
    const report: ExecutionReport = { executionId, status: "RUNNING", at: new Date().toISOString() };
    held.reports.push(report);
    this.options.reporter.add(report);
  }

  private finished(executionId: string, end: RunEnd): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    held.reports.push({ executionId, at: new Date().toISOString(), ...end });
    this.apply(executionId, "exited");
    if (held.phase !== "ended") return;
    if (this.options.spoolRoom.serverAway) this.saveResult(executionId, held);
    if (held.spool.isDelivered) this.apply(executionId, "linesStored");
  }

  /** Returns whether the event meant anything to this execution. */
  private apply(executionId: string, event: ExecutionEvent): boolean {
    const held = this.executions.get(executionId);
    if (!held) return false;
    const before = held.phase;
    const step = nextStep(before, event);
    held.phase = step.phase;
    for (const effect of step.effects) {
      if (effect === "stop") held.run?.cancel();
      else if (effect === "kill") held.run?.kill();
      else if (effect === "dropLines") held.spool.drop();
      else this.reportResult(held);
    }
    if (takesSlot(before) && !takesSlot(held.phase)) this.freeSlot();
    if (held.phase === "gone") this.forget(executionId);
    return held.phase !== before;
  }

  /** The reports before it are with the reporter already, unless they are from an earlier run. */
  private reportResult(held: Held): void {
    for (const report of held.run ? held.reports.slice(-1) : held.reports) this.options.reporter.add(report);
  }

  private freeSlot(): void {
    this.slotsTaken--;
    this.settled.ring();
  }

  private forget(executionId: string): void {
    this.executions.delete(executionId);
    this.options.outbox.remove(executionId);
    this.settled.ring();
  }

  private saveResult(executionId: string, { phase, reports, spool }: Held): void {
    if ((phase !== "ended" && phase !== "reporting") || reports.length === 0) return;
    this.options.outbox.put({ executionId, reports, lastSeq: spool.lastSeq });
  }
}
