import { Emitter } from "../../shared/emitter.ts";
import type { Logger } from "../../shared/logger.ts";
import type {
  Assignment,
  ExecutionReport,
  NodeOrders,
  NodeStatus,
  ReportOutcome,
} from "../../shared/node.ts";
import { Bell } from "../../shared/wait.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import { LineQueue } from "../logs/line-queue.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import { diedWithSupervisor, type EndedExecution, type HeldExecution } from "../supervisor/protocol.ts";
import { Deliveries, type DeliveriesParts, hurry, stopDelivering, waitsForMore } from "./deliveries.ts";
import { type ExecutionEvent, nextStep, takesSlot } from "./execution-state.ts";
import { changeResult, type ExecutionPlace, type Held, type RunningExecution } from "./held.ts";
import { Intake } from "./intake.ts";
import type { LogShipper } from "./log-shipper.ts";
import type { Reporter } from "./reporter.ts";

export interface WorkerParts extends Omit<DeliveriesParts, "delivered"> {
  slots: number;
  /** The most jobs to take in all; after that the worker drains. Absent: no limit. */
  maxJobs?: number;
  place: ExecutionPlace;
  reporter: Reporter;
  shipper: LogShipper;
  clock: ServerClock;
  log: Logger;
}

/**
 * The one place that decides about executions. The loops, the supervisors and the server report to it what happened;
 * it keeps the state of every execution and gives the orders that follow.
 *
 * Each execution goes through the phases of `execution-state.ts`:
 *
 * - `running`: from `assign` or `resume` on. Its command is being prepared or runs. Its lines go to the shipper as
 *   they come; its start goes to the reporter.
 * - `stopping`: the server or the owner cancelled it. The supervisor stops the command with the job's grace period.
 * - `abandoned`: the server says that it is not ours any more. The supervisor kills it, and nothing is reported.
 * - `ended`: the command is over and its slot is free. Its result waits until the server has all of its lines and outputs.
 * - `reporting`: the server has all of its lines, and the reporter has its result.
 * - `gone`: the server has its result, or disowned it. The supervisor removes its files, and the worker forgets it.
 *
 * An execution takes a slot in the first three phases. Whether new ones begin is decided by the `Intake`.
 */
export class Worker {
  /** Emitted when this worker takes no new executions any more. */
  readonly drained: Emitter;
  /** Emitted when an execution has begun, has ended or is gone. */
  readonly loadChanged = new Emitter();
  /** Emitted when an execution could not be started, which may be this machine's fault. */
  readonly startFailed = new Emitter();
  /** Rings when an execution is gone, and when this worker takes no new executions any more. */
  readonly settled = new Bell();
  /** The node's status in the server's last answer. */
  nodeStatus: NodeStatus | undefined;
  readonly intake: Intake;
  private readonly deliveries: Deliveries;
  private readonly executions = new Map<string, Held>();
  private slotsTaken = 0;
  /** undefined: the server has not answered yet, so no job could have come. */
  private busyUntilMs: number | undefined;

  constructor(private readonly parts: WorkerParts) {
    const { slots, maxJobs, clock, log } = parts;
    this.intake = new Intake({
      slots,
      maxJobs,
      clock,
      log,
      running: () => this.slotsTaken,
      held: () => this.executions.size,
      isHeld: (executionId) => this.executions.has(executionId),
      begin: (assignment) => this.begin(assignment),
      giveBack: (executionId, message) => this.neverBegins({ executionId, status: "RETURNED", message }),
    });
    this.deliveries = new Deliveries({
      collector: parts.collector,
      events: parts.events,
      delivered: (executionId, { lines }) => lines.isDelivered && this.apply(executionId, "linesStored"),
    });
    this.drained = this.intake.drained;
    this.drained.subscribe(() => this.settled.ring());
  }

  get isDraining(): boolean {
    return this.intake.isDraining;
  }

  get running(): number {
    return this.slotsTaken;
  }

  /** Jobs that wait for a slot. */
  get waiting(): number {
    return this.intake.lineLength;
  }

  /** Executions that are over, and whose lines or result the server does not have in full. */
  get unsent(): number {
    return this.executions.size - this.slotsTaken;
  }

  /** For how long nothing has run here. */
  get idleMs(): number {
    if (this.slotsTaken > 0 || this.busyUntilMs === undefined) return 0;
    return performance.now() - this.busyUntilMs;
  }

  /** Executions that run or wait to begin, and those whose lines or result the server does not have in full. */
  held(): string[] {
    return [...this.begun(), ...this.intake.waiting];
  }

  /** The same without those that wait to begin. */
  begun(): string[] {
    return [...this.executions.keys()];
  }

  runningExecutions(): RunningExecution[] {
    return this.idsOf(({ phase }) => takesSlot(phase)).map((executionId) => {
      const { facts, startedAt, enforcedBy } = this.executions.get(executionId) ?? {};
      const waitsFor = this.parts.place.waitsFor(executionId);
      return { executionId, ...facts, startedAt, enforcedBy, waitsFor };
    });
  }

  /** Executions that may not have their files yet. */
  starting(): string[] {
    return this.idsOf(({ startedAt, phase }) => !startedAt && takesSlot(phase));
  }

  /** Executions that are over, and whose outputs are being collected. */
  collecting(): string[] {
    return this.idsOf(({ collecting }) => collecting !== undefined);
  }

  /** Takes over what an earlier run of this agent left with the supervisors: executions that run or have ended. */
  resume(executions: readonly HeldExecution[]): void {
    for (const execution of executions) {
      const { executionId, storedSeq, lastSeq, startedAt, facts, enforcedBy, ended } = execution;
      const lines = new LineQueue(executionId, storedSeq);
      const begunAtMs = Number.NEGATIVE_INFINITY;
      const held: Held = { phase: "running", begunAtMs, facts, startedAt, enforcedBy, lines, reports: [] };
      this.executions.set(executionId, held);
      this.slotsTaken++;
      this.deliveries.send(executionId, held, execution.events ?? ended?.events);
      // The server may know of the start already; then its answer says so.
      if (startedAt) this.report(held, { executionId, status: "RUNNING", at: startedAt });
      if (ended) this.ended(executionId, lastSeq, ended);
    }
  }

  /** News from the supervisors. */
  onNews(news: ExecutionNews): void {
    const held = this.executions.get(news.executionId);
    if (!held) return;
    if (news.type === "started") {
      this.parts.place.settled(news.executionId);
      held.startedAt = news.at;
      held.enforcedBy = news.enforcedBy;
      this.deliveries.send(news.executionId, held, news.events);
      if (held.phase === "abandoned") return;
      this.report(held, { executionId: news.executionId, status: "RUNNING", at: news.at });
    } else if (news.type === "lines") {
      const { storedSeq } = held.lines;
      // A new supervisor does not know which lines the server has.
      if (news.firstSeq <= storedSeq) this.parts.place.stored(news.executionId, storedSeq);
      held.lines.append(news);
      this.parts.shipper.appended(held.lines);
    } else if (news.type === "lost") {
      this.parts.place.lost(news.executionId, news.sha256);
    } else {
      this.ended(news.executionId, news.lastSeq, news);
    }
  }

  /** The supervisor of these executions is gone, and none of their processes is left. */
  onLost(executionIds: readonly string[]): void {
    for (const executionId of executionIds) {
      const held = this.executions.get(executionId);
      if (!held) continue;
      held.lines.expectNoMore();
      held.sending?.finish();
      this.parts.shipper.appended(held.lines);
      if (!takesSlot(held.phase)) {
        // Its result arrived before the supervisor died.
        if (held.lines.isDelivered) this.apply(executionId, "linesStored");
        continue;
      }
      this.finish(executionId, held, {
        executionId,
        at: new Date().toISOString(),
        ...diedWithSupervisor,
      });
    }
  }

  assign(assignments: readonly Assignment[]): void {
    this.intake.assign(assignments);
  }

  /** Nothing begins until the returned function is called. */
  holdStarts(): () => void {
    return this.intake.holdStarts();
  }

  /** Returns whether the orders changed anything. */
  obey(orders: Pick<NodeOrders, "cancel" | "abandon" | "status">): boolean {
    this.nodeStatus = orders.status;
    this.busyUntilMs ??= performance.now();
    let changed = false;
    for (const id of orders.abandon) changed = this.intake.drop(id) || this.apply(id, "disown") || changed;
    for (const id of orders.cancel) {
      if (this.intake.drop(id)) {
        this.neverBegins({ executionId: id, status: "CANCELLED" });
        changed = true;
      }
      const held = this.executions.get(id);
      if (held) held.cancelAsked = true;
      if (held) hurry(held);
      changed = this.apply(id, "cancel") || changed;
    }
    if (orders.status === "DRAINING") this.intake.giveBack("Its node is draining.");
    return changed;
  }

  linesStored(executionId: string, seq: number): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    const { isDelivered } = held.lines;
    if (!isDelivered || takesSlot(held.phase)) this.parts.place.stored(executionId, seq);
    // All lines so far are stored. In an execution that still runs this event changes nothing: more may come.
    if (isDelivered) this.apply(executionId, "linesStored");
  }

  linesGivenUp(executionId: string): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    this.dropLines(executionId, held);
    this.apply(executionId, "linesStored");
  }

  /** A cancelled job ends without its last lines: the cancel may be meant to make room on the server's disk. */
  linesHeldUp(executionId: string): void {
    const held = this.executions.get(executionId);
    if (held?.phase !== "ended" || !held.cancelAsked) return;
    const lost = "The last of its output was not stored: the server's disk was full.";
    const saysSo = changeResult(held, (result) => ({
      ...result,
      message: result.message === undefined ? lost : `${result.message} ${lost}`,
    }));
    if (saysSo) this.linesGivenUp(executionId);
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

  /** Takes no new job; running jobs continue. */
  drain(): void {
    this.intake.drain();
  }

  cancelAll(): void {
    for (const id of this.held()) this.apply(id, "cancel");
  }

  /** Everything held belongs to another agent: it ends here, and nothing of it is reported. */
  disownAll(): void {
    this.intake.dropWaiting();
    for (const id of this.held()) this.apply(id, "disown");
  }

  private begin(assignment: Assignment): void {
    const { executionId } = assignment;
    const lines = new LineQueue(executionId);
    const held: Held = { phase: "running", begunAtMs: performance.now(), lines, reports: [] };
    this.executions.set(executionId, held);
    this.slotsTaken++;
    this.loadChanged.emit();
    this.start(held, assignment);
  }

  /** It waited for a slot. Nothing is left of it but this report. */
  private neverBegins(end: Omit<ExecutionReport, "at">): void {
    const lines = new LineQueue(end.executionId);
    const held: Held = { phase: "reporting", begunAtMs: Number.NEGATIVE_INFINITY, lines, reports: [] };
    this.executions.set(end.executionId, held);
    this.report(held, { ...end, at: new Date().toISOString() });
  }

  private start(held: Held, assignment: Assignment): void {
    const { executionId } = assignment;
    try {
      held.facts = this.parts.place.start(assignment);
    } catch (error) {
      if (!(error instanceof StartFailedError)) throw error;
      held.lines.expectNoMore();
      const at = new Date().toISOString();
      const end = { status: "FAILED", reason: "StartFailed", message: error.message } as const;
      this.finish(executionId, held, { executionId, at, ...end });
    }
  }

  private ended(executionId: string, lastSeq: number, { at, end, outputs, events }: EndedExecution): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    held.lines.expectUpTo(lastSeq);
    if (end.reason === "StartFailed") this.startFailed.emit();
    if (!takesSlot(held.phase)) {
      // The end came a second time, because fewer lines survived than it had announced.
      if (held.lines.isDelivered) this.apply(executionId, "linesStored");
      return;
    }
    if (held.phase !== "abandoned") {
      if (outputs) this.deliveries.collect(executionId, held, outputs);
      this.deliveries.send(executionId, held, events);
      held.sending?.finish();
    }
    this.finish(executionId, held, { executionId, at, ...end });
  }

  private finish(executionId: string, held: Held, report: ExecutionReport): void {
    held.reports.push(report);
    this.apply(executionId, "exited");
    if (held.phase === "ended" && held.lines.isDelivered) this.apply(executionId, "linesStored");
  }

  private report(held: Held, report: ExecutionReport): void {
    held.reports.push(report);
    this.parts.reporter.add(report);
  }

  /** Returns whether the event changed the phase of the execution. */
  private apply(executionId: string, event: ExecutionEvent): boolean {
    const held = this.executions.get(executionId);
    if (!held) return false;
    const before = held.phase;
    // The result waits for the outputs and events, too.
    if (before === "ended" && event === "linesStored" && waitsForMore(held)) return false;
    const step = nextStep(before, event);
    held.phase = step.phase;
    for (const effect of step.effects) {
      if (effect === "stop") this.parts.place.tell(executionId, "cancel");
      else if (effect === "kill") this.parts.place.tell(executionId, "kill");
      else if (effect === "dropLines") this.dropLines(executionId, held);
      else this.reportResult(held);
    }
    if (takesSlot(before) && !takesSlot(held.phase)) {
      this.parts.place.settled(executionId);
      this.freeSlot(held);
    }
    if (held.phase !== "ended" && !takesSlot(held.phase)) stopDelivering(held);
    if (held.phase === "gone") this.forget(executionId);
    return held.phase !== before;
  }

  private idsOf(isWanted: (held: Held) => boolean): string[] {
    return [...this.executions].filter(([, held]) => isWanted(held)).map(([executionId]) => executionId);
  }

  /** The reporter already has the earlier reports. */
  private reportResult(held: Held): void {
    for (const report of held.reports.slice(-1)) this.parts.reporter.add(report);
  }

  private dropLines(executionId: string, held: Held): void {
    held.lines.drop();
    // Forgetting it removes its lines as well.
    if (held.phase !== "gone") this.parts.place.tell(executionId, "drop");
  }

  private freeSlot({ begunAtMs }: Held): void {
    this.slotsTaken--;
    this.busyUntilMs = performance.now();
    this.loadChanged.emit();
    this.settled.ring();
    this.intake.slotFreed(begunAtMs);
  }

  private forget(executionId: string): void {
    this.executions.delete(executionId);
    this.parts.place.tell(executionId, "forget");
    this.loadChanged.emit();
    this.settled.ring();
  }
}
