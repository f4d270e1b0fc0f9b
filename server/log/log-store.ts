import type { LogLine } from "../../shared/log.ts";
import { type PackedLines, slicePacked, unpackLines } from "../../shared/packed-lines.ts";

/** The place of a line in the whole log of a job, over all attempts. `{ attempt: 0, seq: 0 }` is before the first. */
export interface LogPlace {
  attempt: number;
  seq: number;
}

export const LOG_START: LogPlace = { attempt: 0, seq: 0 };

/** A batch of lines as it is stored. */
export interface PackedBatch extends PackedLines {
  executionId: string;
  attempt: number;
}

/** A batch to store. */
export interface ExecutionLines extends PackedBatch {
  businessId: string;
  jobId: string;
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

/** Adds the lines of the batch that are in the range to `found`. */
export function unpackInto(
  found: StoredLine[],
  batch: PackedBatch,
  range: Pick<LogRange, "after" | "until">,
): void {
  const part = rangeIn(batch, range);
  if (!part) return;
  const { executionId, attempt } = batch;
  for (const line of unpackLines(batch, part.fromSeq, part.toSeq))
    found.push({ ...line, executionId, attempt });
}

/** The lines of the batch that are in the range; undefined if it has none of them. A batch that is all in it stays as it is. */
export function cutPacked(
  batch: PackedBatch,
  range: Pick<LogRange, "after" | "until">,
): PackedBatch | undefined {
  const part = rangeIn(batch, range);
  return part && slicePacked(batch, part.fromSeq, part.toSeq);
}

function rangeIn(
  { attempt, firstSeq, lastSeq }: PackedBatch,
  { after, until }: Pick<LogRange, "after" | "until">,
): { fromSeq: number; toSeq: number } | undefined {
  if (attempt < after.attempt || (until && attempt > until.attempt)) return undefined;
  const fromSeq = attempt === after.attempt ? Math.max(firstSeq, after.seq + 1) : firstSeq;
  const toSeq = attempt === until?.attempt ? Math.min(lastSeq, until.seq) : lastSeq;
  return fromSeq > toSeq ? undefined : { fromSeq, toSeq };
}

/** The log of a job, or of its first attempts, that the server no longer keeps. */
export interface RemovedLog {
  atMs: number;
  lines: number;
}
