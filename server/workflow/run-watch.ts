import type { WorkflowStreamEvent } from "../../shared/log.ts";
import type { Bus, BusMessages } from "../bus/bus.ts";
import type { RunStore } from "./run-store.ts";

type Message = BusMessages["workflow"];

/** Events that wait for a slow follower; with more it gets the whole run instead. */
const MAX_WAITING = 2_000;

/**
 * The run of a job as one follower sees it: first the whole state, then the changes as they come. A message of the bus may be
 * lost or late; then the follower gets the whole state again.
 */
export class RunWatch {
  private waiting: Message[] = [];
  private waitingEvents = 0;
  /** What the follower has. */
  private shown: { executionId: string; events: number } | undefined;
  private mustRead = true;
  private wake: (() => void) | undefined;
  private readonly unsubscribe: () => void;

  /** The caller must close it. */
  constructor(
    private readonly parts: { bus: Bus; store: Pick<RunStore, "find"> },
    private readonly jobId: string,
  ) {
    this.unsubscribe = parts.bus.subscribe("workflow", (message) => this.hear(message));
  }

  /** Whether `take` may have something. */
  get hasNews(): boolean {
    return this.mustRead || this.waiting.length > 0;
  }

  /** The store is read again: something may have been missed. */
  lookAgain(): void {
    this.mustRead = true;
  }

  /** What the follower must be told so that it knows the run of this execution. */
  async take(executionId: string): Promise<WorkflowStreamEvent[]> {
    const messages = this.waiting;
    this.waiting = [];
    this.waitingEvents = 0;
    const told: WorkflowStreamEvent[] = [];
    if (this.mustRead || this.shown?.executionId !== executionId)
      told.push(...(await this.read(executionId)));
    for (const { executionId: of, attempt, from, events } of messages) {
      const known = this.shown?.executionId === of ? this.shown.events : 0;
      if (of !== executionId || from + events.length <= known) continue;
      if (!this.shown || from > known) {
        told.push(...(await this.read(executionId)));
        continue;
      }
      this.shown = { executionId, events: from + events.length };
      told.push({ executionId, attempt, from: known, events: events.slice(known - from) });
    }
    return told;
  }

  /** Calls `wake` once, when there is something to take. */
  whenNews(wake: () => void): void {
    this.wake = wake;
  }

  close(): void {
    this.unsubscribe();
  }

  private async read(executionId: string): Promise<WorkflowStreamEvent[]> {
    this.mustRead = false;
    const found = await this.parts.store.find(executionId);
    if (!found || found.jobId !== this.jobId) return [];
    const { events, attempt, run } = found;
    if (this.shown?.executionId === executionId && this.shown.events >= events) return [];
    this.shown = { executionId, events };
    return [{ executionId, attempt, from: events, run }];
  }

  private hear(message: Message): void {
    if (message.jobId !== this.jobId) return;
    this.waitingEvents += message.events.length;
    this.waiting.push(message);
    if (this.waitingEvents > MAX_WAITING) {
      this.waiting = [];
      this.waitingEvents = 0;
      this.mustRead = true;
    }
    this.wake?.();
    this.wake = undefined;
  }
}
