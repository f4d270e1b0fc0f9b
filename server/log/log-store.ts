import type { LogLine } from "../../shared/log.ts";
import type { PackedBatch } from "./packed-lines.ts";

/** The place of a line in the whole log of a job, over all attempts. `{ attempt: 0, seq: 0 }` is before the first. */
export interface LogPlace {
  attempt: number;
  seq: number;
}

export const LOG_START: LogPlace = { attempt: 0, seq: 0 };

/** Lines of one execution, in the order of their seq. */
export interface ExecutionLines {
  businessId: string;
  jobId: string;
  executionId: string;
  attempt: number;
  lines: readonly LogLine[];
}

export interface StoredLine extends LogLine {
  executionId: string;
  attempt: number;
}

export interface LogRange {
  businessId: string;
  jobId: string;
  /** Only lines after this place. */
  after: LogPlace;
  /** Only lines up to and including this place. */
  until?: LogPlace;
  /** The most lines wanted. */
  limit: number;
}

/**
 * Stores the output of jobs. Every operation is safe to call concurrently, and what it resolves with is on disk. Lines of
 * another business are never found. An execution belongs to one attempt of one job, and an attempt has one execution.
 * Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface LogStore {
  /**
   * Stores the lines of each batch that continue its execution's log. Lines that are already stored are ignored, and lines
   * after a hole are not stored, so the log of an execution never has a hole. Resolves with the highest stored seq of each
   * batch's execution, in order: the sender continues from there.
   */
  append(batches: readonly ExecutionLines[]): Promise<number[]>;
  /** Lines in order, over all attempts. May return fewer than `limit`, but at least one if there are any. */
  read(range: LogRange): Promise<StoredLine[]>;
  /**
   * The stored batches that have lines of the range, in order, about `limit` lines. At the ends of the range a batch may have
   * lines beyond it; `cutPacked` cuts those off. For readers that pass batches on as they are.
   */
  readPacked(range: LogRange): Promise<PackedBatch[]>;
  /** The stored lines of the job from the last back to the first, some at a time. */
  readBack(job: { businessId: string; jobId: string }): AsyncGenerator<StoredLine[], void, void>;
  /** The place of the last line of the job; LOG_START if it has none. */
  lastPlace(job: { businessId: string; jobId: string }): Promise<LogPlace>;
  /** The highest stored seq of the execution, which is also its number of lines; 0 if it has none. */
  lastSeq(executionId: string): Promise<number>;
}

/** The part of `lines` that continues a log after `lastSeq`. Returns the same array if that is all of it. */
export function continuingLines(lines: readonly LogLine[], lastSeq: number): readonly LogLine[] {
  const start = lines.findIndex((line) => line.seq > lastSeq);
  if (start === -1) return [];
  let end = start;
  while (lines[end]?.seq === lastSeq + 1 + end - start) end++;
  return start === 0 && end === lines.length ? lines : lines.slice(start, end);
}

/** The log of a job, or of its first attempts, that the server no longer keeps. */
export interface RemovedLog {
  atMs: number;
  lines: number;
}
