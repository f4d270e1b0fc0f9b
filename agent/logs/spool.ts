import type { LogLine } from "../../shared/log.ts";
import { lineBytes, lostLine } from "./line-queue.ts";
import { Segments } from "./segments.ts";

/** What all spools of an agent share. */
export interface SpoolRoom {
  /** Where unsent lines wait when memory is not the place for them. */
  readonly dir: string;
  /** The last attempt to send failed: what is not sent belongs on disk. */
  serverAway: boolean;
  /** About how much unsent output is in memory now, over all executions. */
  memoryBytes: number;
  /** From here on an execution keeps no more than `OWN_MEMORY_BYTES` in memory. */
  readonly maxMemoryBytes: number;
  /** The most one execution may hold, in memory and on disk. */
  readonly maxSpoolBytes: number;
}

export function spoolRoom(dir: string, sizes: Partial<SpoolRoom> = {}): SpoolRoom {
  return {
    dir,
    serverAway: false,
    memoryBytes: 0,
    maxMemoryBytes: 16 * 1024 * 1024,
    maxSpoolBytes: 256 * 1024 * 1024,
    ...sizes,
  };
}

/** Above every seq there is; what is true shows when the files have been read. */
const UNKNOWN_SEQ = Number.MAX_SAFE_INTEGER;
/** What every execution may keep in memory, however many there are. */
const OWN_MEMORY_BYTES = 256 * 1024;

/**
 * The lines of one execution that the server has not acknowledged yet, in order. In memory first, so that a job with
 * an attentive server never touches the disk; in files when too much is waiting or the server is away.
 * `head` always begins with the oldest of them; what is in the files beyond what was read of them comes after `head`.
 */
export class LogSpool {
  readonly executionId: string;
  /** The highest seq that was appended, and the highest that the server has stored. */
  lastSeq = 0;
  storedSeq = 0;
  private readonly room: SpoolRoom;
  private readonly segments: Segments;
  private head: LogLine[] = [];
  private headBytes = 0;
  /** Lines behind all others that the disk did not take. */
  private tail: LogLine[] = [];
  private roomWaiters: (() => void)[] = [];
  private dropped = false;

  constructor(executionId: string, room: SpoolRoom, segments = new Segments(room.dir, executionId)) {
    this.executionId = executionId;
    this.room = room;
    this.segments = segments;
  }

  /** Takes up what an earlier run left on disk. `lastSeq` is what its outbox says, if it came to that. */
  static reopen(executionId: string, room: SpoolRoom, lastSeq = UNKNOWN_SEQ): LogSpool {
    const spool = new LogSpool(executionId, room, Segments.reopen(room.dir, executionId));
    spool.lastSeq = lastSeq;
    // Without anything in its files there is nothing left that could be sent.
    if (spool.segments.unreadBytes === 0) spool.storedSeq = lastSeq;
    return spool;
  }

  /** All lines are acknowledged, or nobody wants them any more. */
  get isDelivered(): boolean {
    return this.dropped || this.storedSeq >= this.lastSeq;
  }

  get isFull(): boolean {
    if (this.dropped) return false;
    // What the disk does not take stays in memory, and there must not become more of it.
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

  /** Unacknowledged lines behind `afterSeq`, oldest first; they stay here until `acknowledge`. */
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

  /** Puts what is only in memory on disk as well. */
  spill(): void {
    if (this.dropped || !this.segments.isEmpty || this.head.length === 0) return;
    try {
      this.segments.append(this.head, true);
    } catch {
      // The disk takes nothing: the lines stay in memory, where they are.
      this.segments.remove();
    }
  }

  /** Nobody wants these lines any more. */
  drop(): void {
    this.dropped = true;
    this.head = [];
    this.tail = [];
    this.countHead(-this.headBytes);
    this.segments.remove();
    this.admitWriters();
  }

  /** The next run of the agent shall send what is left. */
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
      return; // The disk is full: again when the server has taken something.
    }
    if (this.segments.isEmpty) this.countHead(lines.reduce((sum, line) => sum + lineBytes(line), 0));
  }

  private admitWriters(): void {
    if (this.roomWaiters.length === 0 || this.isFull) return;
    for (const resume of this.roomWaiters.splice(0)) resume();
  }

  private readMore(): void {
    this.pushHead(this.segments.read().filter((line) => line.seq > this.storedSeq));
    // The last lines were lost in a crash: what cannot be sent is not waited for.
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
