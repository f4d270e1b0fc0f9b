import type { LogLine } from "../../shared/log.ts";
import { lineBytes, lostLine } from "./line-queue.ts";
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
  private head: LogLine[] = [];
  private headBytes = 0;
  /** The newest lines, which the disk did not take. */
  private tail: LogLine[] = [];
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
    return this.tail.length > 0 || this.headBytes + this.segments.unreadBytes >= this.room.maxSpoolBytes;
  }

  /** Lines must come in the order of their seq. */
  append(lines: readonly LogLine[]): void {
    const last = lines.at(-1);
    if (!last || this.dropped) return;
    this.lastSeq = last.seq;
    if (!this.segments.isEmpty || this.tail.length > 0) {
      for (const line of lines) this.tail.push(line);
      this.writeTail();
      return;
    }
    this.pushHead(lines);
    if (this.room.serverAway || this.mustSpill()) this.spill();
  }

  /** Returns unacknowledged lines after `afterSeq`, oldest first. They stay here until `acknowledge`. */
  peek(maxLines: number, maxBytes: number, afterSeq = this.storedSeq): LogLine[] {
    const passed = () => Math.max(0, afterSeq + 1 - (this.head[0]?.seq ?? afterSeq + 1));
    while (this.segments.unreadBytes > 0 && passed() >= this.head.length) this.readMore();
    const first = passed();
    let bytes = 0;
    let end = first;
    while (end < this.head.length && end - first < maxLines) {
      bytes += lineBytes(this.head[end] as LogLine);
      if (bytes > maxBytes && end > first) break;
      end++;
    }
    return this.head.slice(first, end);
  }

  /** The server has stored all lines up to `seq`. */
  acknowledge(seq: number): void {
    if (seq <= this.storedSeq || this.dropped) return;
    this.storedSeq = seq;
    let count = 0;
    let bytes = 0;
    for (let line = this.head[0]; line && line.seq <= seq; line = this.head[++count]) {
      bytes += lineBytes(line);
    }
    this.head = this.head.slice(count);
    this.countHead(-bytes);
    this.segments.release(seq);
    const caughtUp = this.isDelivered || (!this.room.serverAway && this.segments.unreadBytes === 0);
    if (caughtUp && !this.segments.isEmpty && !this.mustSpill()) this.segments.remove();
    this.writeTail();
    this.admitWriters();
  }

  /** Writes lines that are only in memory to disk as well. */
  spill(): void {
    if (this.dropped || !this.segments.isEmpty || this.head.length === 0) return;
    try {
      this.segments.append(this.head, true);
    } catch {
      // The disk takes nothing, so the lines stay only in memory.
      this.segments.remove();
    }
  }

  /** The lines are not needed any more. */
  drop(): void {
    this.dropped = true;
    this.head = [];
    this.tail = [];
    this.countHead(-this.headBytes);
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
    if (this.tail.length === 0) return;
    const lines = this.tail;
    try {
      if (!this.segments.isEmpty) this.segments.append(lines, false);
      else for (const line of lines) this.head.push(line);
      this.tail = [];
    } catch {
      return; // The disk is full. The next try is when the server has stored some lines.
    }
    if (this.segments.isEmpty) this.countHead(lines.reduce((sum, line) => sum + lineBytes(line), 0));
  }

  private admitWriters(): void {
    if (this.roomWaiters.length === 0 || this.isFull) return;
    for (const resume of this.roomWaiters.splice(0)) resume();
  }

  private readMore(): void {
    this.pushHead(this.segments.read().filter((line) => line.seq > this.storedSeq));
    // The last lines were lost in a crash, so the spool must not wait for them.
    const lastKnown = this.head.at(-1)?.seq ?? this.storedSeq;
    if (this.segments.unreadBytes > 0 || this.tail.length > 0) return;
    if (lastKnown >= this.lastSeq) return;
    const lost =
      this.lastSeq === UNKNOWN_SEQ
        ? []
        : [lostLine(lastKnown + 1, this.lastSeq - lastKnown, new Date().toISOString())];
    this.pushHead(lost);
    this.lastSeq = lastKnown + lost.length;
  }

  private pushHead(lines: readonly LogLine[]): void {
    for (const line of lines) this.head.push(line);
    this.countHead(lines.reduce((sum, line) => sum + lineBytes(line), 0));
  }

  private mustSpill(): boolean {
    return this.headBytes > OWN_MEMORY_BYTES && this.room.memoryBytes > this.room.maxMemoryBytes;
  }

  private countHead(changeBytes: number): void {
    this.headBytes += changeBytes;
    this.room.memoryBytes += changeBytes;
  }
}
