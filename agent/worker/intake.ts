import { Emitter } from "../../shared/emitter.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Assignment } from "../../shared/node.ts";
import type { ServerClock } from "../session/server-clock.ts";

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
}

/** The most executions held at the same time. It stays below what the server accepts in one list. */
const MAX_HELD = 9_000;
const MAX_ASSIGNMENTS = 1_000;

/**
 * Decides how many jobs the agent asks for, and which assignments begin. It is in one of three modes:
 *
 * - Open: an assignment begins when it arrives, if a slot is free and its lease has not run out.
 * - Held (`holdStarts`): assignments are kept, and begin when every hold is released. The agent holds starts while it
 *   registers: it sends the list of its executions, and the server counts any execution missing from it as lost.
 * - Draining (`drain`): nothing begins any more, not even what was kept. There is no way back. The intake also drains
 *   when it has begun `maxJobs` jobs.
 */
export class Intake {
  /** Emitted when the intake begins to drain. */
  readonly drained = new Emitter();
  /** How many jobs may run at the same time. */
  slots: number;
  private draining = false;
  /** Jobs begun so far. */
  private begun = 0;
  /** Assignments that arrived while starts were held; undefined: they are not held. */
  private kept: Assignment[] | undefined;
  private holds = 0;

  constructor(private readonly parts: IntakeParts) {
    this.slots = parts.slots;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Executions that arrived and wait until starts are no longer held. */
  get waiting(): string[] {
    return (this.kept ?? []).map((assignment) => assignment.executionId);
  }

  /** The most jobs to ask the server for. It hands out only as many as fit next to what it knows to run here. */
  get wanted(): number {
    if (this.draining) return 0;
    const roomToHold = Math.max(0, MAX_HELD - this.parts.held());
    return Math.min(this.slots, MAX_ASSIGNMENTS, this.jobsLeft, roomToHold);
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
      this.assign(kept);
    };
  }

  drain(): void {
    this.draining = true;
    this.drained.emit();
  }

  /** The waiting assignments belong to another agent and never begin here. */
  dropWaiting(): void {
    this.kept &&= [];
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
    const { log, clock, maxJobs } = this.parts;
    if (this.parts.isHeld(executionId)) return;
    if (this.freeSlots === 0) {
      if (!this.draining)
        log.warn(
          `No slot is free for ${executionId}. It is not started; the server takes it back when its lease runs out.`,
        );
      return;
    }
    if (clock.isPast(assignment.leaseExpiresAt)) {
      log.warn(`${executionId} arrived after its lease had run out and is not started.`);
      return;
    }
    this.begun++;
    this.parts.begin(assignment);
    if (this.begun === maxJobs) this.drain();
  }
}
