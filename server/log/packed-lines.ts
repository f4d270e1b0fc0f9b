import type { LogLine, LogStream } from "../../shared/log.ts";
import type { LogRange, StoredLine } from "./log-store.ts";

/** A batch of lines as it is stored. */
export interface PackedBatch {
  executionId: string;
  attempt: number;
  firstSeq: number;
  lastSeq: number;
  /** Made by `packLines`. */
  lines: string;
}

/** Stream, time, text (or bytes in base64), and flags. The seq follows from the position in the batch. */
type PackedLine = [stream: string, at: string, text: string, flags?: number];

const PARTIAL = 1;
const BYTES = 2;
const LOST = 4;

const STREAMS: Record<LogStream, string> = { stdout: "o", stderr: "e", system: "s" };
const STREAM_NAMES: Record<string, LogStream> = { o: "stdout", e: "stderr", s: "system" };

/** Consecutive lines without a hole, as one text. */
export function packLines(lines: readonly LogLine[]): string {
  return JSON.stringify(lines.map(pack));
}

/** Adds the lines of the batch that are in the range to `found`. */
export function unpackInto(
  found: StoredLine[],
  batch: PackedBatch,
  { after, until }: Pick<LogRange, "after" | "until">,
): void {
  const { executionId, attempt, firstSeq, lastSeq } = batch;
  const from = attempt === after.attempt ? Math.max(firstSeq, after.seq + 1) : firstSeq;
  const to = attempt === until?.attempt ? Math.min(lastSeq, until.seq) : lastSeq;
  const packed = JSON.parse(batch.lines) as PackedLine[];
  for (let seq = from; seq <= to; seq++) {
    const line = packed[seq - firstSeq];
    if (!line) throw new Error(`The stored log of ${executionId} has no line ${seq}`);
    const [stream, at, text, flags = 0] = line;
    found.push({
      seq,
      stream: STREAM_NAMES[stream] ?? "system",
      at,
      ...(flags & BYTES ? { text: "", bytes: text } : { text }),
      ...(flags & PARTIAL && { partial: true }),
      ...(flags & LOST && { lost: true }),
      executionId,
      attempt,
    });
  }
}

/** The same lines in texts of at most `maxChars`, each with its first and last seq. A line is never split. */
export function splitPacked(
  batch: Pick<PackedBatch, "firstSeq" | "lastSeq" | "lines">,
  maxChars: number,
): { firstSeq: number; lastSeq: number; lines: string }[] {
  if (batch.lines.length <= maxChars) return [batch];
  const parts: { firstSeq: number; lastSeq: number; texts: string[]; chars: number }[] = [];
  for (const [i, line] of (JSON.parse(batch.lines) as PackedLine[]).entries()) {
    const seq = batch.firstSeq + i;
    const text = JSON.stringify(line);
    const part = parts.at(-1);
    if (part && part.chars + text.length + 2 <= maxChars) {
      part.texts.push(text);
      part.chars += text.length + 1;
      part.lastSeq = seq;
    } else {
      parts.push({ firstSeq: seq, lastSeq: seq, texts: [text], chars: text.length });
    }
  }
  return parts.map(({ firstSeq, lastSeq, texts }) => ({ firstSeq, lastSeq, lines: `[${texts.join(",")}]` }));
}

function pack({ stream, at, text, bytes, partial, lost }: LogLine): PackedLine {
  const flags = (partial ? PARTIAL : 0) + (bytes === undefined ? 0 : BYTES) + (lost ? LOST : 0);
  return flags ? [STREAMS[stream], at, bytes ?? text, flags] : [STREAMS[stream], at, text];
}
