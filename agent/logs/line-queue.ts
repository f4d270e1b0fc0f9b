import { type LineRuns, type RunLimits, runsOf, splitRuns } from "../../shared/line-runs.ts";
import type { LogLine } from "../../shared/log.ts";
import { RunList } from "./run-list.ts";

/**
 * The lines of one execution that the supervisor has handed over and the server has not stored yet. The queue is never
 * long: the supervisor holds lines back while the server does not take any.
 */
export class LineQueue {
  private readonly lines = new RunList();
  /** The seq of the execution's last line; unknown while the command runs. */
  private finalSeq: number | undefined;
  private dropped = false;

  constructor(
    readonly executionId: string,
    /** The highest seq that the server has stored. */
    public storedSeq = 0,
  ) {}

  /** The server has all lines so far, or the lines were dropped. */
  get isDelivered(): boolean {
    return this.dropped || (this.lines.isEmpty && this.storedSeq >= (this.finalSeq ?? 0));
  }

  /** Lines must come in the order of their seq. A new supervisor may repeat lines that came before. */
  append(lines: LineRuns): void {
    const repeated = this.lastSeq - lines.firstSeq + 1;
    const fresh = repeated > 0 ? splitRuns(lines, { maxLines: repeated }).rest : lines;
    if (fresh && !this.dropped) this.lines.push(fresh);
  }

  /** All lines up to this seq will come, and none after it. */
  expectUpTo(finalSeq: number): void {
    this.finalSeq = finalSeq;
  }

  /** The supervisor is gone, with the lines it did not hand over. If more lines were announced, the log says so. */
  expectNoMore(): void {
    const { lastSeq, finalSeq = 0 } = this;
    const lost = finalSeq - lastSeq;
    if (lost > 0) this.append(runsOf([lostLine(lastSeq + 1, lost, new Date().toISOString())]));
    this.finalSeq = this.lastSeq;
  }

  /** The server lacks the lines between `storedSeq` and the first line here. Adds a note in place of each lost line. */
  fillHole(storedSeq: number): boolean {
    const { first } = this.lines;
    const count = (first?.firstSeq ?? 0) - storedSeq - 1;
    if (!first || count < 1 || count > MAX_HOLE_LINES) return false;
    const at = first.runs[0]?.[1] ?? new Date().toISOString();
    this.lines.unshift(runsOf(Array.from({ length: count }, (_, i) => lostLine(storedSeq + 1 + i, 1, at))));
    return true;
  }

  /** The highest seq here or at the server. */
  private get lastSeq(): number {
    return Math.max(this.storedSeq, this.lines.lastSeq ?? 0);
  }

  /** Returns the oldest lines. They stay here until `acknowledge`. */
  peek(limits: Required<RunLimits>): LineRuns | undefined {
    return this.lines.peek(0, limits);
  }

  /** The server has stored all lines up to `seq`. */
  acknowledge(seq: number): void {
    if (seq <= this.storedSeq) return;
    this.storedSeq = seq;
    this.lines.removeUpTo(seq);
  }

  /** The lines are not needed any more. */
  drop(): void {
    this.dropped = true;
    this.lines.clear();
  }
}

/** A damaged disk loses a few blocks of a file, which hold fewer lines than this. */
const MAX_HOLE_LINES = 10_000;

/** A line in place of output that was lost on this node. */
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
