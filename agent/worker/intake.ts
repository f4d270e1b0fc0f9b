import { Emitter } from "../../shared/emitter.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Assignment } from "../../shared/node.ts";
import { Bell } from "../../shared/wait.ts";
import type { ServerClock } from "../session/server-clock.ts";
import { Pace } from "./pace.ts";

export interface IntakeParts {
  slots: number;
  /** The most jobs to begin in all; after that the intake drains. Absent: no limit. */
  maxJobs?: number;
  clock: ServerClock;
  log: Logger;
  /** Executions that take a slot now. */
  running(): number;
  /** Executions the worker holds, including those that are over and not yet delivered. */
  held(): number;
  isHeld(executionId: string): boolean;
  begin(assignment: Assignment): void;
  /** It goes back to its queue unstarted; `why` is a sentence. */
  giveBack(executionId: string, why: string): void;
}

/** An assignment that came before a slot was free for it. */
interface Waiting {
  assignment: Assignment;
  /** By `performance.now()`. */
  sinceMs: number;
}

/** The most executions held at the same time. It stays below what the server accepts in one list. */
const MAX_HELD = 9_000;
const MAX_ASSIGNMENTS = 1_000;
/** The longest wait for a slot. Then another node may have the job. */
const MAX_WAIT_MS = 400;

/**
 * Decides how many jobs the agent asks for, and which assignments begin. It is in one of three modes:
 *
 * - Open: an assignment begins when it arrives, if a slot is free and its lease has not run out. Jobs that were asked for
 *   ahead of free slots wait in line, and each begins the moment a slot is free. If none becomes free soon, all that wait are
 *   given back.
 * - Held (`holdStarts`): assignments are kept, and begin when every hold is released. The agent holds starts while it
 *   registers: it sends the list of its executions, and the server counts any execution missing from it as lost.
 * - Draining (`drain`): nothing begins any more, not even what was kept, and what waits in line is given back. There is no way back. The intake also drains
 *   when it has begun `maxJobs` jobs.
 */
export class Intake {
  /** Emitted when the intake begins to drain. */
  readonly drained = new Emitter();
  /** Emitted before jobs are given back. */
  readonly givingBack = new Emitter();
  /** Whether the server hands out jobs ahead of free slots, and takes them back. */
  takesAhead = false;
  /** Whether the owner wants that. */
  prefetch = true;
  private slotCount: number;
  private draining = false;
  /** Jobs begun so far. */
  private begun = 0;
  /** Assignments that arrived while starts were held; undefined: they are not held. */
  private kept: Assignment[] | undefined;
  private holds = 0;
  /** Those that wait for a slot, in the order of their arrival. */
  private readonly line: Waiting[] = [];
  private lateTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly pace = new Pace();
  /** Rings when the line is short again. */
  private readonly short = new Bell();

  constructor(private readonly parts: IntakeParts) {
    this.slotCount = parts.slots;
  }

  /** How many jobs may run at the same time. */
  get slots(): number {
    return this.slotCount;
  }

  set slots(slots: number) {
    this.slotCount = slots;
    this.next();
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Executions that arrived and have not begun: they wait for a slot, or until starts are no longer held. */
  get waiting(): string[] {
    const inLine = this.line.map(({ assignment }) => assignment);
    return [...inLine, ...(this.kept ?? [])].map(({ executionId }) => executionId);
  }

  /** How many jobs wait for a slot. */
  get lineLength(): number {
    return this.line.length;
  }

  /** The most jobs to ask the server for. It hands out only as many as fit next to what it knows to run here. */
  get wanted(): number {
    if (this.draining) return 0;
    return Math.min(this.slots, MAX_ASSIGNMENTS, this.jobsLeft, this.roomToHold);
  }

  /** How many jobs to hold ahead of free slots. */
  get ahead(): number {
    if (!this.takesAhead || !this.prefetch || this.wanted < this.slots) return 0;
    const left = Math.min(this.jobsLeft, this.roomToHold, MAX_ASSIGNMENTS) - this.slots;
    return Math.min(this.pace.ahead(this.slots), left);
  }

  assign(assignments: readonly Assignment[]): void {
    if (this.kept) this.kept.push(...assignments);
    else for (const assignment of assignments) this.admit(assignment);
  }

  /** Nothing begins until the returned function is called. */
  holdStarts(): () => void {
    this.kept ??= [];
    this.holds++;
    return () => {
      if (--this.holds > 0) return;
      const kept = this.kept ?? [];
      this.kept = undefined;
      this.next();
      this.assign(kept);
    };
  }

  /** Resolves when it is time to ask for more: when half of what was wanted ahead has begun, or at the latest after `maxMs`. */
  async untilShort(signal: AbortSignal, maxMs: number): Promise<void> {
    const lateMs = performance.now() + maxMs;
    while (!this.isShort && !signal.aborted && performance.now() < lateMs) {
      await this.short.wait(signal, lateMs - performance.now());
    }
  }

  private get isShort(): boolean {
    return this.line.length <= this.ahead / 2;
  }

  /** A job that took a slot at `begunAtMs`, by `performance.now()`, has left it. */
  slotFreed(begunAtMs: number): void {
    this.pace.slotFreed(begunAtMs);
    this.next();
  }

  drain(): void {
    this.draining = true;
    this.drained.emit();
    this.giveBack("Its node takes no more jobs.");
  }

  /** Gives back every job that waits for a slot; `why` is a sentence. */
  giveBack(why: string): void {
    const given = this.line.splice(0);
    if (given.length === 0) return;
    this.givingBack.emit();
    for (const { assignment } of given) this.parts.giveBack(assignment.executionId, why);
  }

  /** It never begins here. Returns whether it waited. */
  drop(executionId: string): boolean {
    const isOther = (assignment: Assignment) => assignment.executionId !== executionId;
    const at = this.line.findIndex(({ assignment }) => !isOther(assignment));
    if (at >= 0) this.line.splice(at, 1);
    const keptBefore = this.kept?.length;
    this.kept &&= this.kept.filter(isOther);
    return at >= 0 || this.kept?.length !== keptBefore;
  }

  /** The waiting assignments belong to another agent and never begin here. */
  dropWaiting(): void {
    this.kept &&= [];
    this.line.length = 0;
  }

  private get roomToHold(): number {
    return Math.max(0, MAX_HELD - this.parts.held() - this.line.length);
  }

  /** How many more jobs may begin at all. */
  private get jobsLeft(): number {
    return (this.parts.maxJobs ?? Number.POSITIVE_INFINITY) - this.begun - this.waiting.length;
  }

  private get freeSlots(): number {
    if (this.draining) return 0;
    return Math.max(0, Math.min(this.slots - this.parts.running(), MAX_HELD - this.parts.held()));
  }

  private admit(assignment: Assignment): void {
    const { executionId } = assignment;
    const { log } = this.parts;
    if (this.parts.isHeld(executionId) || this.line.some((one) => one.assignment.executionId === executionId))
      return;
    if (this.freeSlots > 0 && this.line.length === 0) {
      this.begin(assignment);
    } else if (this.takesAhead) {
      this.line.push({ assignment, sinceMs: performance.now() });
      if (this.draining) this.giveBack("Its node takes no more jobs.");
      else this.watchLine();
    } else if (!this.draining) {
      log.warn(
        `No slot is free for ${executionId}. It is not started; the server takes it back when its lease runs out.`,
      );
    }
  }

  private begin(assignment: Assignment): void {
    const { executionId } = assignment;
    const { log, clock, maxJobs } = this.parts;
    if (clock.isPast(assignment.leaseExpiresAt)) {
      log.warn(`${executionId} is not started: its lease has run out.`);
      if (this.takesAhead)
        this.parts.giveBack(executionId, "Its lease ran out before its node could start it.");
      return;
    }
    this.begun++;
    this.parts.begin(assignment);
    if (this.begun === maxJobs) this.drain();
  }

  /** Begins jobs that wait in line, while slots are free. */
  private next(): void {
    while (!this.kept && this.freeSlots > 0) {
      const first = this.line.shift();
      if (!first) break;
      this.begin(first.assignment);
    }
    if (this.isShort) this.short.ring();
  }

  /** Gives the line back when its first has waited too long: the jobs before it take longer than those before them did. */
  private watchLine(): void {
    const [first] = this.line;
    if (!first || this.lateTimer) return;
    const lookAgain = () => {
      this.lateTimer = undefined;
      const { sinceMs } = this.line[0] ?? {};
      if (sinceMs !== undefined && performance.now() - sinceMs >= MAX_WAIT_MS) {
        this.pace.backOff();
        this.giveBack("No slot of its node became free for it.");
      }
      this.watchLine();
    };
    this.lateTimer = setTimeout(lookAgain, Math.max(1, first.sinceMs + MAX_WAIT_MS - performance.now()));
  }
}
