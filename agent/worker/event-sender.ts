import { type FSWatcher, watch } from "node:fs";
import { limits } from "../../shared/limits.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { Bell, pause } from "../../shared/wait.ts";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import type { EventsFile } from "../executors/port/executor.ts";
import { EventReader, type ReadEvent } from "./event-reader.ts";

export interface EventSendersParts {
  /**
   * Sends events, of which `from` come before, and resolves with how many the server has then. Repeats the request while
   * the server is away.
   */
  send(
    executionId: string,
    from: number,
    events: WorkflowEvent[],
    signal: AbortSignal,
  ): Promise<number | "stale">;
  log: Logger;
}

/** The events of one execution on their way to the server. */
export interface SendingEvents {
  /** Resolves when the server has all of them, or takes no more. Never rejects. */
  over: Promise<void>;
  /** The job writes no more. */
  finish(): void;
  /** The job was cancelled: from now on its end waits only for a limited time. */
  hurry(): void;
  /** Nobody needs them any more. */
  stop(): void;
}

const REQUEST_BYTES = 1024 * 1024;
/** A file that changes without a notice is looked at this often. */
const LOOK_MS = 1_000;
const MIN_GAP_MS = 100;
/** The share of its time that a server spends with one workflow. */
const GAP_PER_REQUEST = 4;
const MAX_GAP_MS = 2_000;
const HURRY_LIMIT_MS = 60_000;

/** Follows the files to which workflows append their events, and sends what comes. */
export class EventSenders {
  private readonly closing = new AbortController();

  constructor(private readonly parts: EventSendersParts) {}

  begin(executionId: string, file: EventsFile): SendingEvents {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.closing.signal]);
    const sender = new EventSender(executionId, file, this.parts, signal);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = sender.run().then(() => {
      clearTimeout(timer);
      // The next agent sends the rest.
      return this.closing.signal.aborted ? new Promise<never>(() => {}) : undefined;
    });
    return {
      over,
      finish: () => sender.finish(),
      hurry: () => {
        timer ??= setTimeout(() => stop.abort(), HURRY_LIMIT_MS);
      },
      stop: () => stop.abort(),
    };
  }

  /** The agent ends. What is not at the server yet is left to the next agent. */
  close(): void {
    this.closing.abort();
  }
}

class EventSender {
  private readonly bell = new Bell();
  private readonly reader: EventReader;
  private isComplete = false;
  /** Events that were read and not acknowledged. */
  private waiting: ReadEvent[] = [];
  /** How many events come before them. */
  private from = 0;

  constructor(
    private readonly executionId: string,
    private readonly file: EventsFile,
    private readonly parts: EventSendersParts,
    private readonly signal: AbortSignal,
  ) {
    this.reader = new EventReader(file);
  }

  finish(): void {
    this.isComplete = true;
    this.bell.ring();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const watcher = this.watch();
    try {
      while (!this.signal.aborted && (await this.step()));
    } catch (error) {
      if (!this.signal.aborted)
        this.parts.log.error(
          `The rest of the events of ${this.executionId} is not sent, so its tree of jobs and steps has a gap: ${textOf(error)}`,
          { executionId: this.executionId },
        );
    } finally {
      watcher?.close();
      this.reader.close();
    }
  }

  /** Sends what there is, or waits for more. Returns whether there is more to do. */
  private async step(): Promise<boolean> {
    const { isComplete } = this;
    if (this.waiting.length === 0) this.waiting = this.reader.next(REQUEST_BYTES);
    if (this.waiting.length === 0) {
      if (isComplete) return false;
      await this.bell.wait(this.signal, LOOK_MS);
      return true;
    }
    const events = this.batch();
    const sentAtMs = performance.now();
    const stored = await this.parts.send(this.executionId, this.from, events, this.signal);
    if (stored === "stale") return false;
    this.acknowledge(stored);
    if (!this.isComplete) {
      const tookMs = performance.now() - sentAtMs;
      await pause(Math.min(MAX_GAP_MS, Math.max(MIN_GAP_MS, tookMs * GAP_PER_REQUEST)), this.signal);
    }
    return true;
  }

  /** The first of the waiting events: at least one, and not too many for a request. */
  private batch(): WorkflowEvent[] {
    const events: WorkflowEvent[] = [];
    let bytes = 0;
    for (const one of this.waiting) {
      bytes += one.bytes;
      const isFull = events.length === limits.maxWorkflowEventsPerRequest || bytes > REQUEST_BYTES;
      if (isFull && events.length > 0) break;
      events.push(one.event);
    }
    return events;
  }

  /** After a restart of the agent the server may have more than was sent now. */
  private acknowledge(stored: number): void {
    if (stored < this.from)
      throw new Error(`the server has ${stored} events and was sent event ${this.from + 1} next`);
    while (this.from < stored) {
      if (this.waiting.length === 0) this.waiting = this.reader.next(REQUEST_BYTES);
      if (this.waiting.length === 0) return;
      const known = Math.min(stored - this.from, this.waiting.length);
      this.waiting.splice(0, known);
      this.from += known;
    }
  }

  private watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.file.path, { persistent: false }, () => this.bell.ring());
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch {
      return undefined; // The file is looked at from time to time anyway.
    }
  }
}
