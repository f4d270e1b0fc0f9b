import type { Logger } from "../../shared/logger.ts";
import type { JobType } from "../../shared/manifest.ts";
import { textOf } from "../../shared/text-of.ts";
import { gpuName } from "../detectors/gpu.ts";
import type { Executor, TaskGpu } from "../executors/port/executor.ts";
import { ExecutionLog, QuietLines } from "../logs/execution-log.ts";
import { lineBytes } from "../logs/line-queue.ts";
import { LogSpool, type SpoolRoom } from "../logs/spool.ts";
import type { Outbox, OutboxEntry } from "../state/outbox.ts";
import { ExecutionRun } from "./execution-run.ts";
import {
  type EndedExecution,
  type ExecutionFacts,
  factsOf,
  type HeldExecution,
  type News,
  type Order,
  PROTOCOL,
  type RunEnd,
  type StartOrder,
} from "./protocol.ts";

export interface ExecutionHostParts {
  workRoot: string;
  executors: ReadonlyMap<JobType, Executor>;
  spoolRoom: SpoolRoom;
  outbox: Outbox;
  log: Logger;
  /** Called when an execution is gone or has ended. */
  onSettled(): void;
}

/** What is left of an execution of an earlier supervisor; without `lastSeq`, its lines are those that are on disk. */
export type LeftExecution = Omit<OutboxEntry, "lastSeq"> & { lastSeq?: number };

interface Hosted {
  spool: LogSpool;
  /** Up to here its lines were handed to the agent that listens now. */
  sentSeq: number;
  /** What of it the server has not stored yet, oldest first. */
  inFlight: { lastSeq: number; bytes: number }[];
  /** The last line as the agent was told it, once the command is over. */
  toldLastSeq: number;
  startedAt?: string;
  facts?: ExecutionFacts;
  enforcedBy?: string;
  /** Absent for one that ended under an earlier supervisor. */
  run?: ExecutionRun;
  ended?: EndedExecution;
}

/** What one execution may have on its way to the server, and what all may have together. */
const MAX_WINDOW_BYTES = 4 * 1024 * 1024;
const ALL_WINDOWS_BYTES = 32 * 1024 * 1024;
const MIN_WINDOW_BYTES = 64 * 1024;
const MAX_LINES_AT_ONCE = 5_000;

/**
 * The executions of a machine: runs them, and keeps what they wrote and how they ended until the server has it. An
 * agent listens to it, or for a while none does; that changes nothing for the jobs.
 */
export class ExecutionHost {
  private readonly executions = new Map<string, Hosted>();
  private readonly quiet = new QuietLines();
  private tell: ((news: News) => void) | undefined;
  private runningCount = 0;

  constructor(private readonly parts: ExecutionHostParts) {}

  /** Commands that may still have processes. */
  get running(): number {
    return this.runningCount;
  }

  /** Executions that somebody may still ask about. */
  get count(): number {
    return this.executions.size;
  }

  /** Takes up what an earlier supervisor could not hand over. */
  resume(left: readonly LeftExecution[]): void {
    for (const { executionId, startedAt, ended, lastSeq } of left) {
      const spool = LogSpool.reopen(executionId, this.parts.spoolRoom, lastSeq);
      this.executions.set(executionId, { ...hostedWith(spool), startedAt, ended });
    }
  }

  /** From now on `tell` hears what happens, and gets all lines the server did not have yet. */
  attach(tell: (news: News) => void): void {
    this.tell = tell;
    const executions = [...this.executions].map(([id, hosted]) => heldExecution(id, hosted));
    const enforcedBy = Object.fromEntries(
      [...this.parts.executors].map(([type, one]) => [type, one.enforcement().enforcedBy]),
    );
    tell({ type: "hello", protocol: PROTOCOL, pid: process.pid, executions, enforcedBy });
    for (const hosted of this.executions.values()) {
      hosted.sentSeq = hosted.spool.storedSeq;
      hosted.inFlight = [];
      hosted.toldLastSeq = hosted.spool.lastSeq;
      this.feed(hosted);
    }
  }

  /** The agent is gone; what it had not handed over is handed to the next. */
  detach(): void {
    this.tell = undefined;
  }

  obey(order: Exclude<Order, { type: "end" | "grants" }>): void {
    if (order.type === "start") this.start(order.order);
    else if (order.type === "serverAway") this.serverAway();
    else if (order.type === "serverBack") this.parts.spoolRoom.serverAway = false;
    else this.obeyFor(order);
  }

  /** Ends every command at once as this process ends, and resolves when all of them are over. */
  async endAll(): Promise<void> {
    const ends: Promise<unknown>[] = [];
    for (const { run } of this.executions.values()) {
      run?.endWithSupervisor();
      if (run) ends.push(run.over);
    }
    await Promise.all(ends);
  }

  /** Leaves on disk what the next supervisor must hand over. */
  keepForNext(): void {
    for (const [id, hosted] of this.executions) {
      hosted.spool.keepForNextRun();
      this.save(id, hosted);
    }
  }

  private obeyFor(order: Extract<Order, { executionId: string }>): void {
    const hosted = this.executions.get(order.executionId);
    if (!hosted) return;
    if (order.type === "cancel") hosted.run?.cancel();
    else if (order.type === "kill") hosted.run?.kill();
    else if (order.type === "drop") hosted.spool.drop();
    else if (order.type === "forget") this.forget(order.executionId, hosted);
    else {
      hosted.spool.acknowledge(order.seq);
      hosted.inFlight = hosted.inFlight.filter((sent) => sent.lastSeq > order.seq);
      this.feed(hosted);
    }
  }

  private start(order: StartOrder): void {
    const { executionId, manifest, maxLogBytes } = order.assignment;
    if (this.executions.has(executionId)) return;
    const { executors, workRoot, spoolRoom, log } = this.parts;
    const spool = new LogSpool(executionId, spoolRoom);
    const executor = executors.get(manifest.type);
    const hosted: Hosted = { ...hostedWith(spool), facts: factsOf(order) };
    const appended = () => this.feed(hosted);
    hosted.run = new ExecutionRun({
      order,
      refusal: this.heldByOthers(order.gpus),
      executor,
      workRoot,
      log,
      output: new ExecutionLog(spool, { appended, quiet: this.quiet }, maxLogBytes),
      onStarted: () => {
        hosted.startedAt = new Date().toISOString();
        hosted.enforcedBy = executor?.enforcement().enforcedBy;
        this.tell?.({
          type: "started",
          executionId,
          at: hosted.startedAt,
          enforcedBy: hosted.enforcedBy,
        });
      },
    });
    this.executions.set(executionId, hosted);
    this.runningCount++;
    hosted.run.over.then((end) => this.finished(executionId, hosted, end));
    hosted.run.begin();
  }

  /** The server counts GPUs by number, and after one has gone the numbers may mean others. */
  private heldByOthers(gpus: readonly TaskGpu[]): string | undefined {
    if (gpus.length === 0) return undefined;
    for (const [id, { ended, facts }] of this.executions) {
      const held = facts?.gpus ?? [];
      const taken = ended ? undefined : gpus.find((gpu) => held.some((one) => gpuName(one) === gpuName(gpu)));
      if (taken) return `The job was given GPU ${taken.index} (${gpuName(taken)}), which ${id} still uses.`;
    }
    return undefined;
  }

  private finished(executionId: string, hosted: Hosted, end: RunEnd): void {
    this.runningCount--;
    hosted.ended = { at: new Date().toISOString(), end };
    this.feed(hosted);
    this.tellEnd(hosted, hosted.ended);
    if (this.parts.spoolRoom.serverAway || !this.tell) this.save(executionId, hosted);
    this.parts.onSettled();
  }

  /** Hands over lines, as far as the server keeps up. */
  private feed(hosted: Hosted): void {
    const { spool } = hosted;
    while (this.tell) {
      const roomBytes = this.windowBytes() - hosted.inFlight.reduce((sum, sent) => sum + sent.bytes, 0);
      if (roomBytes <= 0) return;
      const lines = spool.peek(MAX_LINES_AT_ONCE, roomBytes, hosted.sentSeq);
      const last = lines.at(-1);
      if (!last) break;
      hosted.sentSeq = last.seq;
      const bytes = lines.reduce((sum, line) => sum + lineBytes(line), 0);
      hosted.inFlight.push({ lastSeq: last.seq, bytes });
      this.tell({ type: "lines", executionId: spool.executionId, lines });
    }
    // Only the end of the files shows that a crash of the machine took the last lines.
    if (hosted.ended && hosted.toldLastSeq > spool.lastSeq) this.tellEnd(hosted, hosted.ended);
  }

  private tellEnd(hosted: Hosted, ended: EndedExecution): void {
    const { executionId, lastSeq } = hosted.spool;
    hosted.toldLastSeq = lastSeq;
    this.tell?.({ type: "ended", executionId, lastSeq, ...ended });
  }

  private windowBytes(): number {
    const share = ALL_WINDOWS_BYTES / Math.max(1, this.executions.size);
    return Math.max(MIN_WINDOW_BYTES, Math.min(MAX_WINDOW_BYTES, share));
  }

  private forget(executionId: string, hosted: Hosted): void {
    // A command that still runs is not forgotten, whatever the agent believes.
    if (hosted.run && !hosted.ended) return;
    hosted.spool.drop();
    this.parts.outbox.remove(executionId);
    this.executions.delete(executionId);
    this.parts.onSettled();
  }

  private serverAway(): void {
    this.parts.spoolRoom.serverAway = true;
    for (const [id, hosted] of this.executions) {
      hosted.spool.spill();
      this.save(id, hosted);
    }
  }

  private save(executionId: string, { ended, startedAt, spool }: Hosted): void {
    if (!ended) return;
    try {
      spool.spill();
      this.parts.outbox.put({ executionId, startedAt, ended, lastSeq: spool.lastSeq });
    } catch (error) {
      // It is still in memory, and handed over unless this process dies before that.
      this.parts.log.error(`The result of ${executionId} cannot be put on disk: ${textOf(error)}`);
    }
  }
}

function hostedWith(spool: LogSpool): Hosted {
  return { spool, sentSeq: spool.storedSeq, inFlight: [], toldLastSeq: spool.lastSeq };
}

function heldExecution(executionId: string, hosted: Hosted): HeldExecution {
  const { spool, startedAt, facts, enforcedBy, ended } = hosted;
  const { lastSeq, storedSeq } = spool;
  return { executionId, startedAt, facts, enforcedBy, lastSeq, storedSeq, ended };
}
