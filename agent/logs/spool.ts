import { type LineRuns, type RunLimits, runsOf } from "../../shared/line-runs.ts";
import { lostLine } from "./line-queue.ts";
import { RunList } from "./run-list.ts";
import { Segments } from "./segments.ts";

/** What all spools of an agent share. */
export interface SpoolRoom {
  /** The directory for unsent lines that are not kept in memory. */
  readonly dir: string;
  /** The last request to the server failed, so unsent lines belong on disk. */
  serverAway: boolean;
  /** The approximate size of the unsent output of all executions in memory. */
  memoryBytes: number;
  /** Above this an execution keeps at most `OWN_MEMORY_BYTES` in memory. */
  readonly maxMemoryBytes: number;
  /** The most one execution may hold, in memory and on disk. */
  readonly maxSpoolBytes: number;
}

export function spoolRoom(dir: string, sizes: Partial<SpoolRoom> = {}): SpoolRoom {
  return {
    dir,
    serverAway: false,
    memoryBytes: 0,
    maxMemoryBytes: 4 * 1024 * 1024,
    maxSpoolBytes: 256 * 1024 * 1024,
    ...sizes,
  };
}

/** Higher than any seq. The real value is known when the files have been read. */
const UNKNOWN_SEQ = Number.MAX_SAFE_INTEGER;
/** The memory that every execution may use, however many there are. */
const OWN_MEMORY_BYTES = 256 * 1024;

/**
 * The lines of one execution that the server has not acknowledged yet, in order. They are kept in memory first, so a
 * job whose server keeps up never touches the disk, and in files when too many wait or the server is away.
 * `head` begins with the oldest lines. The part of the files that was not read yet comes after `head`, then `tail`.
 */
export class LogSpool {
  /** The highest seq that was appended, and the highest that the server has stored. */
  lastSeq = 0;
  storedSeq = 0;
  private readonly head = new RunList();
  /** The newest lines, which the disk did not take. */
  private readonly tail = new RunList();
  private roomWaiters: (() => void)[] = [];
  private dropped = false;

  constructor(
    readonly executionId: string,
    private readonly room: SpoolRoom,
    private readonly segments = new Segments(room.dir, executionId),
  ) {}

  /** Takes over what an earlier run left on disk. `lastSeq` comes from its outbox, if the execution has ended. */
  static reopen(executionId: string, room: SpoolRoom, lastSeq = UNKNOWN_SEQ): LogSpool {
    const spool = new LogSpool(executionId, room, Segments.reopen(room.dir, executionId));
    spool.lastSeq = lastSeq;
    // If its files are empty, there is nothing left to send.
    if (spool.segments.unreadBytes === 0) spool.storedSeq = lastSeq;
    return spool;
  }

  /** All lines are acknowledged, or were dropped. */
  get isDelivered(): boolean {
    return this.dropped || this.storedSeq >= this.lastSeq;
  }

  get isFull(): boolean {
    if (this.dropped) return false;
    // Lines that the disk does not take stay in memory, and must not become more.
    return !this.tail.isEmpty || this.head.bytes + this.segments.unreadBytes >= this.room.maxSpoolBytes;
  }

  /** Lines must come in the order of their seq. */
  append(lines: LineRuns): void {
    if (this.dropped) return;
    this.lastSeq = lines.lastSeq;
    if (!this.segments.isEmpty || !this.tail.isEmpty) {
      this.tail.push(lines);
      this.writeTail();
      return;
    }
    this.changeHead(() => this.head.push(lines));
    if (this.room.serverAway || this.mustSpill()) this.spill();
  }

  /** Returns unacknowledged lines after `afterSeq`, oldest first. They stay here until `acknowledge`. */
  peek(limits: Required<RunLimits>, afterSeq = this.storedSeq): LineRuns | undefined {
    while (this.segments.unreadBytes > 0 && (this.head.lastSeq ?? 0) <= afterSeq) this.readMore();
    let found: LineRuns | undefined;
    this.changeHead(() => {
      found = this.head.peek(afterSeq, limits);
    });
    return found;
  }

  /** The server has stored all lines up to `seq`. */
  acknowledge(seq: number): void {
    if (seq <= this.storedSeq || this.dropped) return;
    this.storedSeq = seq;
    this.changeHead(() => this.head.removeUpTo(seq));
    this.segments.release(seq);
    const caughtUp = this.isDelivered || (!this.room.serverAway && this.segments.unreadBytes === 0);
    if (caughtUp && !this.segments.isEmpty && !this.mustSpill()) this.segments.remove();
    this.writeTail();
    this.admitWriters();
  }

  /** Writes lines that are only in memory to disk as well. */
  spill(): void {
    if (this.dropped || !this.segments.isEmpty || this.head.isEmpty) return;
    try {
      this.segments.append(this.head.all, true);
    } catch {
      // The disk takes nothing, so the lines stay only in memory.
      this.segments.remove();
    }
  }

  /** The lines are not needed any more. */
  drop(): void {
    this.dropped = true;
    this.changeHead(() => this.head.clear());
    this.tail.clear();
    this.segments.remove();
    this.admitWriters();
  }

  /** Leaves the rest on disk, for the next run of the agent to send. */
  keepForNextRun(): void {
    this.spill();
    this.writeTail();
    this.segments.close();
  }

  /** Resolves when the spool is no longer full, or the signal fires. */
  async roomToWrite(signal: AbortSignal): Promise<void> {
    while (this.isFull && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.roomWaiters.push(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  private writeTail(): void {
    if (this.tail.isEmpty) return;
    const { all } = this.tail;
    try {
      if (!this.segments.isEmpty) this.segments.append(all, false);
      else this.pushHead(all);
    } catch {
      return; // The disk is full. The next try is when the server has stored some lines.
    }
    this.tail.clear();
  }

  private admitWriters(): void {
    if (this.roomWaiters.length === 0 || this.isFull) return;
    for (const resume of this.roomWaiters.splice(0)) resume();
  }

  private readMore(): void {
    const { storedSeq } = this;
    this.pushHead(this.segments.read());
    this.changeHead(() => this.head.removeUpTo(storedSeq));
    // The last lines were lost in a crash, so the spool must not wait for them.
    const lastKnown = this.head.lastSeq ?? storedSeq;
    if (this.segments.unreadBytes > 0 || !this.tail.isEmpty) return;
    if (lastKnown >= this.lastSeq) return;
    if (this.lastSeq === UNKNOWN_SEQ) {
      this.lastSeq = lastKnown;
      return;
    }
    this.pushHead([runsOf([lostLine(lastKnown + 1, this.lastSeq - lastKnown, new Date().toISOString())])]);
    this.lastSeq = lastKnown + 1;
  }

  private pushHead(all: readonly LineRuns[]): void {
    this.changeHead(() => {
      for (const lines of all) this.head.push(lines);
    });
  }

  private mustSpill(): boolean {
    return this.head.bytes > OWN_MEMORY_BYTES && this.room.memoryBytes > this.room.maxMemoryBytes;
  }

  /** Counts what the change adds to the memory of all spools, or takes from it. */
  private changeHead(change: () => void): void {
    const before = this.head.bytes;
    change();
    this.room.memoryBytes += this.head.bytes - before;
  }
}
