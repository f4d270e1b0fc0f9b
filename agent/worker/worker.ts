import type { Logger } from "../../shared/logger.ts";
import type {
  Assignment,
  ExecutionReport,
  NodeOrders,
  NodeStatus,
  ReportOutcome,
} from "../../shared/node.ts";
import { Bell } from "../../shared/wait.ts";
import { StartFailedError } from "../executors/executor.ts";
import { LineQueue } from "../logs/line-queue.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import {
  diedWithSupervisor,
  type EndedExecution,
  type ExecutionFacts,
  type HeldExecution,
} from "../supervisor/protocol.ts";
import { type ExecutionEvent, type ExecutionPhase, nextStep, takesSlot } from "./execution-state.ts";
import type { LogShipper } from "./log-shipper.ts";
import type { Reporter } from "./reporter.ts";

/** Where executions run: the supervisors. Orders are carried out in their order; none of these fails or waits. */
export interface ExecutionPlace {
  /** Says as what it is started. Throws StartFailedError where this node does not have what the job was given. */
  start(assignment: Assignment): ExecutionFacts;
  tell(executionId: string, type: "cancel" | "kill" | "drop" | "forget"): void;
  stored(executionId: string, seq: number): void;
  serverIs(state: "away" | "back"): void;
}

export interface WorkerOptions {
  slots: number;
  /** Takes no more than so many jobs in all; then it drains by itself. */
  maxJobs?: number;
  place: ExecutionPlace;
  reporter: Reporter;
  shipper: LogShipper;
  clock: ServerClock;
  log: Logger;
}

/** What may still run, for people. */
export interface RunningExecution extends Partial<ExecutionFacts> {
  executionId: string;
  /** When its command began; absent while it is being prepared. */
  startedAt?: string;
  enforcedBy?: string;
}

/** One execution that this agent has something to do for. */
interface Held {
  phase: ExecutionPhase;
  facts?: ExecutionFacts;
  startedAt?: string;
  enforcedBy?: string;
  lines: LineQueue;
  /** Not yet acknowledged, in order. */
  reports: ExecutionReport[];
  /** The server wants it to end, whether its command is over or not. */
  cancelAsked?: boolean;
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
  /** Called when an execution has begun, ended or is gone. */
  onLoad: (() => void) | undefined;
  /** Called when an execution could not be started, which may be this machine's fault. */
  onStartFailed: (() => void) | undefined;
  /** Rings when an execution is gone, or this worker takes no new ones any more. */
  readonly settled = new Bell();
  private readonly options: WorkerOptions;
  private readonly executions = new Map<string, Held>();
  private slotsTaken = 0;
  private draining = false;
  /** Jobs begun by this worker. */
  private taken = 0;
  /** Assignments that came while none may begin; undefined: they begin as they come. */
  private kept: Assignment[] | undefined;
  private holds = 0;
  /** undefined: the server has said nothing yet, so no job could have come. */
  private busyUntilMs: number | undefined;
  /** What the server last said that this node is. */
  nodeStatus: NodeStatus | undefined;
  slots: number;

  constructor(options: WorkerOptions) {
    this.options = options;
    this.slots = options.slots;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  get running(): number {
    return this.slotsTaken;
  }

  /** Executions that are over, but for what the server does not have of them yet. */
  get unsent(): number {
    return this.executions.size - this.slotsTaken;
  }

  /** For how long nothing has run here. */
  get idleMs(): number {
    if (this.slotsTaken > 0 || this.busyUntilMs === undefined) return 0;
    return performance.now() - this.busyUntilMs;
  }

  /** Executions whose lines or result the server does not have yet, and those that run. */
  held(): string[] {
    return [...this.executions.keys(), ...(this.kept ?? []).map((one) => one.executionId)];
  }

  runningExecutions(): RunningExecution[] {
    return [...this.executions]
      .filter(([, held]) => takesSlot(held.phase))
      .map(([executionId, { facts, startedAt, enforcedBy }]) => ({
        executionId,
        ...facts,
        startedAt,
        enforcedBy,
      }));
  }

  /** The most executions to ask the server for at once; it hands out no more than fit beside what it knows to run here. */
  get wanted(): number {
    return this.draining
      ? 0
      : Math.min(this.slots, MAX_ASSIGNMENTS, this.mayTake, Math.max(0, MAX_HELD - this.executions.size));
  }

  /** How many more jobs it takes at all. */
  private get mayTake(): number {
    return (this.options.maxJobs ?? Number.POSITIVE_INFINITY) - this.taken - (this.kept?.length ?? 0);
  }

  private get freeSlots(): number {
    if (this.draining) return 0;
    return Math.max(0, Math.min(this.slots - this.slotsTaken, MAX_HELD - this.executions.size));
  }

  /** Takes up what an earlier run of this agent left with the supervisors: what still runs, and what ended. */
  resume(executions: readonly HeldExecution[]): void {
    for (const execution of executions) {
      const { executionId, storedSeq, lastSeq, startedAt, facts, enforcedBy, ended } = execution;
      const lines = new LineQueue(executionId, storedSeq);
      const held: Held = { phase: "running", facts, startedAt, enforcedBy, lines, reports: [] };
      this.executions.set(executionId, held);
      this.slotsTaken++;
      // The server may have heard of the start before; told again, it says so.
      if (startedAt) this.report(held, { executionId, status: "RUNNING", at: startedAt });
      if (ended) this.ended(executionId, lastSeq, ended);
    }
  }

  /** What the supervisors tell. */
  onNews(news: ExecutionNews): void {
    const held = this.executions.get(news.executionId);
    if (!held) return;
    if (news.type === "started") {
      held.startedAt = news.at;
      held.enforcedBy = news.enforcedBy;
      if (held.phase === "abandoned") return;
      this.report(held, { executionId: news.executionId, status: "RUNNING", at: news.at });
    } else if (news.type === "lines") {
      const { storedSeq } = held.lines;
      // A supervisor that is new does not know what the server has.
      if ((news.lines[0]?.seq ?? 0) <= storedSeq) this.options.place.stored(news.executionId, storedSeq);
      held.lines.append(news.lines);
      this.options.shipper.appended(held.lines);
    } else {
      this.ended(news.executionId, news.lastSeq, news);
    }
  }

  /** The supervisor that held these is gone, and nothing of them runs any more. */
  onLost(executionIds: readonly string[]): void {
    for (const executionId of executionIds) {
      const held = this.executions.get(executionId);
      if (!held) continue;
      held.lines.expectNoMore();
      this.options.shipper.appended(held.lines);
      if (!takesSlot(held.phase)) {
        // Its result is here already.
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
    if (this.kept) this.kept.push(...assignments);
    else for (const assignment of assignments) this.begin(assignment);
  }

  /**
   * Begins nothing until the returned function is called. While the node registers, the server takes for lost what
   * runs there and is not in its list.
   */
  holdStarts(): () => void {
    this.kept ??= [];
    this.holds++;
    return () => {
      if (--this.holds > 0) return;
      const kept = this.kept ?? [];
      this.kept = undefined;
      this.assign(kept);
    };
  }

  /** Returns whether there was anything to do. */
  obey(orders: Pick<NodeOrders, "cancel" | "abandon" | "status">): boolean {
    this.nodeStatus = orders.status;
    this.busyUntilMs ??= performance.now();
    let changed = false;
    for (const id of orders.abandon) changed = this.apply(id, "disown") || changed;
    for (const id of orders.cancel) {
      const held = this.executions.get(id);
      if (held) held.cancelAsked = true;
      changed = this.apply(id, "cancel") || changed;
    }
    return changed;
  }

  linesStored(executionId: string, seq: number): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    const { isDelivered } = held.lines;
    if (!isDelivered || takesSlot(held.phase)) this.options.place.stored(executionId, seq);
    // Stored as far as there were any; only an execution whose command is over has no more to come.
    if (isDelivered) this.apply(executionId, "linesStored");
  }

  linesGivenUp(executionId: string): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    this.dropLines(executionId, held);
    this.apply(executionId, "linesStored");
  }

  /** A job that was cancelled ends all the same: whoever cancelled it may be making room for the server. */
  linesHeldUp(executionId: string): void {
    const held = this.executions.get(executionId);
    const result = held?.reports.at(-1);
    if (held?.phase !== "ended" || !held.cancelAsked || !result) return;
    const lost = "The last of its output was not stored: the server's disk was full.";
    const message = result.message === undefined ? lost : `${result.message} ${lost}`;
    held.reports = [...held.reports.slice(0, -1), { ...result, message }];
    this.linesGivenUp(executionId);
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

  /** What is held is another agent's, and goes without a word to the server. */
  disownAll(): void {
    this.kept &&= [];
    for (const id of this.held()) this.apply(id, "disown");
  }

  serverAway(): void {
    this.options.place.serverIs("away");
  }

  serverBack(): void {
    this.options.place.serverIs("back");
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
    const held: Held = { phase: "running", lines: new LineQueue(executionId), reports: [] };
    this.executions.set(executionId, held);
    this.slotsTaken++;
    this.taken++;
    this.onLoad?.();
    this.start(held, assignment);
    if (this.taken === this.options.maxJobs) this.drain();
  }

  private start(held: Held, assignment: Assignment): void {
    const { executionId } = assignment;
    try {
      held.facts = this.options.place.start(assignment);
    } catch (error) {
      if (!(error instanceof StartFailedError)) throw error;
      held.lines.expectNoMore();
      const at = new Date().toISOString();
      const end = { status: "FAILED", reason: "StartFailed", message: error.message } as const;
      this.finish(executionId, held, { executionId, at, ...end });
    }
  }

  private ended(executionId: string, lastSeq: number, { at, end }: EndedExecution): void {
    const held = this.executions.get(executionId);
    if (!held) return;
    held.lines.expectUpTo(lastSeq);
    if (end.reason === "StartFailed") this.onStartFailed?.();
    // Told again: fewer lines survived than had been promised.
    if (!takesSlot(held.phase))
      return void (held.lines.isDelivered && this.apply(executionId, "linesStored"));
    this.finish(executionId, held, { executionId, at, ...end });
  }

  private finish(executionId: string, held: Held, report: ExecutionReport): void {
    held.reports.push(report);
    this.apply(executionId, "exited");
    if (held.phase === "ended" && held.lines.isDelivered) this.apply(executionId, "linesStored");
  }

  private report(held: Held, report: ExecutionReport): void {
    held.reports.push(report);
    this.options.reporter.add(report);
  }

  /** Returns whether the event meant anything to this execution. */
  private apply(executionId: string, event: ExecutionEvent): boolean {
    const held = this.executions.get(executionId);
    if (!held) return false;
    const before = held.phase;
    const step = nextStep(before, event);
    held.phase = step.phase;
    for (const effect of step.effects) {
      if (effect === "stop") this.options.place.tell(executionId, "cancel");
      else if (effect === "kill") this.options.place.tell(executionId, "kill");
      else if (effect === "dropLines") this.dropLines(executionId, held);
      else this.reportResult(held);
    }
    if (takesSlot(before) && !takesSlot(held.phase)) this.freeSlot();
    if (held.phase === "gone") this.forget(executionId);
    return held.phase !== before;
  }

  /** The reports before it are with the reporter already. */
  private reportResult(held: Held): void {
    for (const report of held.reports.slice(-1)) this.options.reporter.add(report);
  }

  private dropLines(executionId: string, held: Held): void {
    held.lines.drop();
    // What is forgotten has no lines either.
    if (held.phase !== "gone") this.options.place.tell(executionId, "drop");
  }

  private freeSlot(): void {
    this.slotsTaken--;
    this.busyUntilMs = performance.now();
    this.onLoad?.();
    this.settled.ring();
  }

  private forget(executionId: string): void {
    this.executions.delete(executionId);
    this.options.place.tell(executionId, "forget");
    this.onLoad?.();
    this.settled.ring();
  }
}
