import type { LogLine } from "../../shared/log.ts";

/**
 * The lines of one execution that the supervisor has handed over and the server has not stored yet. It is never
 * long: the supervisor keeps back what the server does not take.
 */
export class LineQueue {
  readonly executionId: string;
  /** The highest seq the server has stored. */
  storedSeq: number;
  private lines: LogLine[] = [];
  /** The last line there will be; unknown while the command runs. */
  private finalSeq: number | undefined;
  private dropped = false;

  constructor(executionId: string, storedSeq = 0) {
    this.executionId = executionId;
    this.storedSeq = storedSeq;
  }

  /** The server has all there is to have so far, or nobody wants it any more. */
  get isDelivered(): boolean {
    return this.dropped || (this.lines.length === 0 && this.storedSeq >= (this.finalSeq ?? 0));
  }

  /** Lines come in the order of their seq, without a gap. */
  append(lines: readonly LogLine[]): void {
    if (this.dropped) return;
    for (const line of lines) this.lines.push(line);
  }

  /** No line after this one comes, and all up to it do. */
  expectUpTo(finalSeq: number): void {
    this.finalSeq = finalSeq;
  }

  /** The supervisor is gone, and with it what it did not hand over. */
  expectNoMore(): void {
    this.finalSeq = this.lines.at(-1)?.seq ?? this.storedSeq;
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

/** About what a line takes in memory and in a request. */
export function lineBytes(line: LogLine): number {
  return line.text.length + 90;
}
