import type { JobType } from "../../shared/job-fields.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import type { EventsFile, Executor, TaskGpu } from "../executors/port/executor.ts";
import { gpuName } from "../executors/port/job-gpus.ts";
import { ExecutionLog, QuietLines } from "../logs/execution-log.ts";
import { leaveOutputGarbage } from "../logs/output-garbage.ts";
import { LogSpool, type SpoolRoom } from "../logs/spool.ts";
import type { Outbox, OutboxEntry } from "../state/outbox.ts";
import { ExecutionRun, type RunOver } from "./execution-run.ts";
import { removeJobDirectory } from "./job-directory.ts";
import { maskFor } from "./job-secrets.ts";
import { isKept } from "./kept-directories.ts";
import {
  type EndedExecution,
  type ExecutionFacts,
  type ExecutionSample,
  factsOf,
  type HeldExecution,
  keepsDirectory,
  type News,
  type Order,
  PROTOCOL,
  type StartOrder,
} from "./protocol.ts";

export interface ExecutionHostParts {
  workRoot: string;
  executors: ReadonlyMap<JobType, Executor>;
  spoolRoom: SpoolRoom;
  outbox: Outbox;
  log: Logger;
  /** Called when an execution has ended or was forgotten. */
  onSettled(): void;
  /** How long a job that has not started waits for an agent that brings its files. Default: 10 minutes. */
  maxAloneMs?: number;
}

/** An execution that an earlier supervisor left. Without `lastSeq`, its lines are those on disk. */
export type LeftExecution = Omit<OutboxEntry, "lastSeq"> & { lastSeq?: number };

interface Hosted {
  spool: LogSpool;
  /** The last line handed to the connected agent. */
  sentSeq: number;
  /** Lines handed over that the server has not stored yet, oldest first. */
  inFlight: { lastSeq: number; bytes: number }[];
  /** The last line, as announced to the agent when the command was over. */
  toldLastSeq: number;
  startedAt?: string;
  facts?: ExecutionFacts;
  enforcedBy?: string;
  /** Where it writes its events while it runs. */
  events?: EventsFile | undefined;
  /**
   * A blob that the cache may lack, as long as the job has not started. The next agent must bring everything that the job
   * needs if this one dies.
   */
  lost?: string;
  /** It was forgotten, and its directory is being removed. */
  isGoing?: boolean;
  /** Absent when the execution ended under an earlier supervisor. */
  run?: ExecutionRun;
  ended?: EndedExecution;
}

/** The most output on its way to the server: of one execution, and of all together. */
const MAX_WINDOW_BYTES = 2 * 1024 * 1024;
const ALL_WINDOWS_BYTES = 32 * 1024 * 1024;
const MIN_WINDOW_BYTES = 64 * 1024;
/** A message is in memory several times: as lines, as JSON, and in the buffers of both sides. */
const MESSAGE_LIMITS = { maxLines: 5_000, maxChars: 256 * 1024 };
const MAX_ALONE_MS = 10 * 60 * 1_000;

/**
 * Runs the executions of a machine, and keeps their output and results until the server has them. One agent at a time
 * is attached, or none for a while. The jobs run on either way.
 */
export class ExecutionHost {
  private readonly executions = new Map<string, Hosted>();
  private readonly quiet = new QuietLines();
  private tell: ((news: News) => void) | undefined;
  private runningCount = 0;
  private aloneTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly parts: ExecutionHostParts) {}

  /** Commands that may still have processes. */
  get running(): number {
    return this.runningCount;
  }

  /** Executions that are held here: they run, or the server does not have all of them yet. */
  get count(): number {
    return this.executions.size;
  }

  /** Takes over the executions that an earlier supervisor could not hand over. */
  resume(left: readonly LeftExecution[]): void {
    for (const { executionId, startedAt, ended, lastSeq } of left) {
      const spool = LogSpool.reopen(executionId, this.parts.spoolRoom, lastSeq);
      this.executions.set(executionId, { ...hostedWith(spool), startedAt, ended });
    }
  }

  /** From now on `tell` gets all news. It first gets a hello, and then all lines that the server does not have yet. */
  attach(tell: (news: News) => void): void {
    this.tell = tell;
    clearTimeout(this.aloneTimer);
    const executions = [...this.executions].map(([id, hosted]) => heldExecution(id, hosted));
    const enforcedBy = Object.fromEntries(
      [...this.parts.executors].map(([type, one]) => [type, one.enforcement().enforcedBy]),
    );
    tell({ type: "hello", protocol: PROTOCOL, pid: process.pid, executions, enforcedBy });
    for (const [executionId, hosted] of this.executions) {
      const { lost, startedAt, ended } = hosted;
      if (lost !== undefined && startedAt === undefined && !ended)
        tell({ type: "lost", executionId, sha256: lost });
      hosted.sentSeq = hosted.spool.storedSeq;
      hosted.inFlight = [];
      hosted.toldLastSeq = hosted.spool.lastSeq;
      this.feed(hosted);
    }
  }

  /** The agent is gone. Lines it had not delivered are handed to the next agent. */
  detach(): void {
    this.tell = undefined;
    clearTimeout(this.aloneTimer);
    this.aloneTimer = setTimeout(() => this.giveUpLost(), this.parts.maxAloneMs ?? MAX_ALONE_MS).unref();
  }

  obey(order: Exclude<Order, { type: "end" | "grants" }>): void {
    if (order.type === "start") this.start(order.order);
    else if (order.type === "sample") this.tell?.({ type: "usage", samples: this.samples() });
    else if (order.type === "serverAway") this.serverAway();
    else if (order.type === "serverBack") this.parts.spoolRoom.serverAway = false;
    else this.obeyFor(order);
  }

  /** Kills every command because this process ends. Resolves when all of them are over. */
  async endAll(): Promise<void> {
    const ends: Promise<unknown>[] = [];
    for (const { run } of this.executions.values()) {
      run?.endWithSupervisor();
      if (run) ends.push(run.over);
    }
    await Promise.all(ends);
  }

  /** Writes to disk what the next supervisor must hand over. */
  keepForNext(): void {
    for (const [id, hosted] of this.executions) {
      hosted.spool.keepForNextRun();
      this.save(id, hosted);
    }
  }

  private samples(): ExecutionSample[] {
    return [...this.executions].flatMap(([executionId, { run, ended }]) => {
      const sample = ended ? undefined : run?.sample();
      return sample ? [{ executionId, ...sample }] : [];
    });
  }

  private obeyFor(order: Extract<Order, { executionId: string }>): void {
    const hosted = this.executions.get(order.executionId);
    if (!hosted) return;
    if (order.type === "cancel") hosted.run?.cancel();
    else if (order.type === "kill") hosted.run?.kill();
    else if (order.type === "drop") hosted.spool.drop();
    else if (order.type === "forget") void this.forget(order.executionId, hosted);
    else if (order.type === "found") {
      if (order.problem === undefined) hosted.lost = undefined;
      hosted.run?.found(order);
    } else {
      hosted.spool.acknowledge(order.seq);
      hosted.inFlight = hosted.inFlight.filter((sent) => sent.lastSeq > order.seq);
      this.feed(hosted);
    }
  }

  /** Nobody brings the files of these jobs. */
  private giveUpLost(): void {
    for (const { lost, startedAt, run } of this.executions.values())
      if (lost !== undefined && startedAt === undefined) run?.endWithSupervisor();
  }

  private start(order: StartOrder): void {
    const { executionId, manifest, maxLogBytes } = order.assignment;
    if (this.executions.has(executionId)) return;
    const { mask, refusal } = maskFor(order);
    const { executors, workRoot, spoolRoom, log } = this.parts;
    const spool = new LogSpool(executionId, spoolRoom);
    const executor = executors.get(manifest.type);
    const hosted: Hosted = { ...hostedWith(spool), facts: factsOf(order) };
    if (order.files?.areComing) hosted.lost = order.files.inputs[0]?.tree.sha256;
    const appended = () => this.feed(hosted);
    hosted.run = new ExecutionRun({
      order,
      refusal: refusal ?? this.heldByOthers(order.gpus),
      mask,
      executor,
      workRoot,
      log,
      output: new ExecutionLog(spool, { appended, quiet: this.quiet }, maxLogBytes, mask),
      onStarted: (events) => {
        hosted.events = events;
        hosted.startedAt = new Date().toISOString();
        hosted.enforcedBy = executor?.enforcement().enforcedBy;
        this.tell?.({
          type: "started",
          executionId,
          at: hosted.startedAt,
          enforcedBy: hosted.enforcedBy,
          ...(events ? { events } : {}),
        });
      },
      onLost: (sha256) => {
        hosted.lost = sha256;
        this.tell?.({ type: "lost", executionId, sha256 });
      },
    });
    this.executions.set(executionId, hosted);
    this.runningCount++;
    hosted.run.over.then((over) => this.finished(executionId, hosted, over));
    hosted.run.begin();
  }

  /** The server assigns GPUs by index. When a GPU has gone, the same index may mean another GPU. */
  private heldByOthers(gpus: readonly TaskGpu[]): string | undefined {
    if (gpus.length === 0) return undefined;
    for (const [id, { ended, facts }] of this.executions) {
      const held = facts?.gpus ?? [];
      const taken = ended ? undefined : gpus.find((gpu) => held.some((one) => gpuName(one) === gpuName(gpu)));
      if (taken) return `The job was given GPU ${taken.index} (${gpuName(taken)}), which ${id} still uses.`;
    }
    return undefined;
  }

  private finished(executionId: string, hosted: Hosted, { end, outputs, events }: RunOver): void {
    this.runningCount--;
    const waiting = { ...(outputs ? { outputs } : {}), ...(events ? { events } : {}) };
    hosted.ended = { at: new Date().toISOString(), end, ...waiting };
    // The next supervisor must know that the directory is still needed.
    if (this.parts.spoolRoom.serverAway || !this.tell || outputs || events) this.save(executionId, hosted);
    this.feed(hosted);
    this.tellEnd(hosted, hosted.ended);
    this.parts.onSettled();
  }

  /** Hands over lines, as many as the server keeps up with. */
  private feed(hosted: Hosted): void {
    const { spool } = hosted;
    while (this.tell) {
      const roomBytes = this.windowBytes() - hosted.inFlight.reduce((sum, sent) => sum + sent.bytes, 0);
      if (roomBytes <= 0) return;
      const lines = spool.peek(MESSAGE_LIMITS, hosted.sentSeq);
      if (!lines) break;
      hosted.sentSeq = lines.lastSeq;
      const bytes = lines.chars;
      hosted.inFlight.push({ lastSeq: lines.lastSeq, bytes });
      this.tell({ type: "lines", executionId: spool.executionId, ...lines });
      leaveOutputGarbage(bytes);
    }
    // Lines lost in a crash of the machine are noticed only at the end of the files. Then the end is announced again.
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

  private async forget(executionId: string, hosted: Hosted): Promise<void> {
    // A command that still runs is never forgotten, whatever the agent says.
    if ((hosted.run && !hosted.ended) || hosted.isGoing) return;
    hosted.isGoing = true;
    hosted.spool.drop();
    const isWaiting = keepsDirectory(hosted.ended);
    if (isWaiting && !isKept(this.parts.workRoot, executionId)) await this.removeDirectory(executionId);
    this.parts.outbox.remove(executionId);
    this.executions.delete(executionId);
    this.parts.onSettled();
  }

  private async removeDirectory(executionId: string): Promise<void> {
    try {
      await removeJobDirectory(this.parts.workRoot, executionId);
    } catch (error) {
      this.parts.log.warn(`Cleaning up after a job failed: ${textOf(error)}`, { executionId });
    }
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
      // It is still in memory, and is handed over unless this process dies first.
      this.parts.log.error(`The result of ${executionId} cannot be written to disk: ${textOf(error)}`);
    }
  }
}

function hostedWith(spool: LogSpool): Hosted {
  return { spool, sentSeq: spool.storedSeq, inFlight: [], toldLastSeq: spool.lastSeq };
}

function heldExecution(executionId: string, hosted: Hosted): HeldExecution {
  const { spool, startedAt, facts, enforcedBy, events, ended } = hosted;
  const { lastSeq, storedSeq } = spool;
  return { executionId, startedAt, facts, enforcedBy, lastSeq, storedSeq, events, ended };
}
