import type { LogStream } from "../../shared/log.ts";
import { LOG_START, type LogPlace, type LogStore, type StoredLine } from "./log-store.ts";

/** Where the tail of a job's log begins. */
export interface LogTail {
  /** Everything up to this place is before the tail. */
  after: LogPlace;
  /**
   * For the attempt of `after`: the seq at which each stream's part of the tail begins. Two streams may write lines at the
   * same time, piece by piece; then a wanted piece of one stream may come before an unwanted piece of the other.
   */
  from: ReadonlyMap<LogStream, number>;
}

/** How many pieces further back to look for the beginning of a line, once all wanted lines have been seen. */
const MAX_LOOK_BACK = 5_000;

/**
 * Finds the last `lines` lines of the stored log, over all attempts. A line counts once, however many pieces it was stored
 * in, and even if its newline has not come.
 */
export async function findTail(
  store: LogStore,
  job: { businessId: string; jobId: string },
  lines: number,
): Promise<LogTail> {
  if (lines === 0) return { after: await store.lastPlace(job), from: new Map() };
  const scan = new TailScan(lines);
  for await (const found of store.readBack(job)) {
    for (const line of found) if (!scan.take(line)) return scan.tail();
  }
  return scan.tail();
}

/** Takes the pieces of a log from the last to the first. */
class TailScan {
  private attempt = 0;
  private newestSeq = 0;
  private count = 0;
  private lookedBack = 0;
  /** For each stream, whether the line being read back is wanted. */
  private readonly isWanted = new Map<LogStream, boolean>();
  private readonly from = new Map<LogStream, number>();

  constructor(private readonly lines: number) {}

  /** Returns false if nothing before this piece belongs to the tail. */
  take(piece: StoredLine): boolean {
    if (piece.attempt !== this.attempt) {
      if (this.count >= this.lines) return false;
      this.attempt = piece.attempt;
      this.newestSeq = piece.seq;
      this.isWanted.clear();
      this.from.clear();
    }
    const { stream, seq } = piece;
    const isLast = !piece.partial || !this.isWanted.has(stream);
    if (isLast) {
      this.isWanted.set(stream, this.count < this.lines);
      this.count++;
    }
    if (this.isWanted.get(stream)) this.from.set(stream, seq);
    if (this.count < this.lines) return true;
    // The agent's own lines never come in pieces.
    const isOpen = this.isWanted.get("stdout") || this.isWanted.get("stderr");
    return Boolean(isOpen) && this.lookedBack++ < MAX_LOOK_BACK;
  }

  tail(): LogTail {
    if (this.from.size === 0) return { after: LOG_START, from: this.from };
    const seq = Math.min(...this.from.values()) - 1;
    // A stream without a wanted line shows only lines that come later.
    for (const stream of ["stdout", "stderr", "system"] as const) {
      if (!this.from.has(stream)) this.from.set(stream, this.newestSeq + 1);
    }
    return { after: { attempt: this.attempt, seq }, from: this.from };
  }
}
