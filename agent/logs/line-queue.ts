import { type LogLine, lineLength } from "../../shared/log.ts";

/**
 * The lines of one execution that the supervisor has handed over and the server has not stored yet. It is never
 * long: the supervisor keeps back what the server does not take.
 */
export class LineQueue {
  /** The highest seq the server has stored. */
  storedSeq: number;
  private lines: LogLine[] = [];
  /** The last line there will be; unknown while the command runs. */
  private finalSeq: number | undefined;
  private dropped = false;

  constructor(
    readonly executionId: string,
    storedSeq = 0,
  ) {
    this.storedSeq = storedSeq;
  }

  /** The server has all there is to have so far, or nobody wants it any more. */
  get isDelivered(): boolean {
    return this.dropped || (this.lines.length === 0 && this.storedSeq >= (this.finalSeq ?? 0));
  }

  /** Lines come in the order of their seq. A supervisor that is new begins with some that were here before. */
  append(lines: readonly LogLine[]): void {
    if (this.dropped) return;
    let lastSeq = this.lastSeq;
    for (const line of lines) {
      if (line.seq <= lastSeq) continue;
      this.lines.push(line);
      lastSeq = line.seq;
    }
  }

  /** No line after this one comes, and all up to it do. */
  expectUpTo(finalSeq: number): void {
    this.finalSeq = finalSeq;
  }

  /** The supervisor is gone, and with it what it did not hand over; where it is known that there was more, the log says so. */
  expectNoMore(): void {
    const { lastSeq, finalSeq = 0 } = this;
    const lost = finalSeq - lastSeq;
    if (lost > 0) this.append([lostLine(lastSeq + 1, lost, new Date().toISOString())]);
    this.finalSeq = this.lastSeq;
  }

  /** The server has nothing between `storedSeq` and the first line here: what is lost is told of, line by line. */
  fillHole(storedSeq: number): boolean {
    const [first] = this.lines;
    const count = (first?.seq ?? 0) - storedSeq - 1;
    if (!first || count < 1 || count > MAX_HOLE_LINES) return false;
    const lost = Array.from({ length: count }, (_, i) => lostLine(storedSeq + 1 + i, 1, first.at));
    this.lines = [...lost, ...this.lines];
    return true;
  }

  /** The last line there is here or with the server. */
  private get lastSeq(): number {
    return Math.max(this.storedSeq, this.lines.at(-1)?.seq ?? 0);
  }

  /** The oldest lines; they stay here until `acknowledge`. */
  peek(maxLines: number, maxBytes: number): LogLine[] {
    let bytes = 0;
    let count = 0;
    for (const line of this.lines) {
      bytes += lineBytes(line);
      if (count >= maxLines || (bytes > maxBytes && count > 0)) break;
      count++;
    }
    return this.lines.slice(0, count);
  }

  /** The server has stored all lines up to `seq`. */
  acknowledge(seq: number): void {
    if (seq <= this.storedSeq) return;
    this.storedSeq = seq;
    const first = this.lines.findIndex((line) => line.seq > seq);
    this.lines = first === -1 ? [] : this.lines.slice(first);
  }

  /** Nobody wants these lines any more. */
  drop(): void {
    this.dropped = true;
    this.lines = [];
  }
}

/** What damage a disk can do to a file is a few of its blocks. */
const MAX_HOLE_LINES = 10_000;

/** Stands for output that was lost on this node. */
export function lostLine(seq: number, count: number, at: string): LogLine {
  const what = count === 1 ? "a line" : `${count} lines`;
  return {
    seq,
    stream: "system",
    at,
    text: `Here ${what} of the output could not be kept on the node.`,
    lost: true,
  };
}

/** About what a line takes in memory and in a request. */
export function lineBytes(line: LogLine): number {
  return lineLength(line) + 90;
}
