import { type LogLine, type LogStream, type PackedLine, packedFlags } from "../../shared/log.ts";
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

const STREAMS: Record<LogStream, PackedLine[0]> = { stdout: "o", stderr: "e", system: "s" };
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
      ...(flags & packedFlags.bytes ? { text: "", bytes: text } : { text }),
      ...(flags & packedFlags.partial && { partial: true }),
      ...(flags & packedFlags.lost && { lost: true }),
      executionId,
      attempt,
    });
  }
}

/** The lines of the batch that are in the range; undefined if it has none of them. A batch that is all in it stays as it is. */
export function cutPacked(
  batch: PackedBatch,
  { after, until }: Pick<LogRange, "after" | "until">,
): PackedBatch | undefined {
  const { attempt } = batch;
  if (attempt < after.attempt || (until && attempt > until.attempt)) return undefined;
  const firstSeq = attempt === after.attempt ? Math.max(batch.firstSeq, after.seq + 1) : batch.firstSeq;
  const lastSeq = attempt === until?.attempt ? Math.min(batch.lastSeq, until.seq) : batch.lastSeq;
  if (firstSeq > lastSeq) return undefined;
  if (firstSeq === batch.firstSeq && lastSeq === batch.lastSeq) return batch;
  const packed = JSON.parse(batch.lines) as PackedLine[];
  const lines = JSON.stringify(packed.slice(firstSeq - batch.firstSeq, lastSeq - batch.firstSeq + 1));
  return { ...batch, firstSeq, lastSeq, lines };
}

/** Batches that follow one another in one execution become one, as long as it has at most `maxChars`. */
export function joinPacked(batches: readonly PackedBatch[], maxChars: number): PackedBatch[] {
  const joined: { batch: PackedBatch; texts: string[]; chars: number }[] = [];
  for (const batch of batches) {
    const last = joined.at(-1);
    const isNext = last?.batch.executionId === batch.executionId && last.batch.lastSeq + 1 === batch.firstSeq;
    if (last && isNext && last.chars + batch.lines.length <= maxChars) {
      last.texts.push(batch.lines.slice(1, -1));
      last.chars += batch.lines.length;
      last.batch = { ...last.batch, lastSeq: batch.lastSeq };
    } else {
      joined.push({ batch, texts: [batch.lines.slice(1, -1)], chars: batch.lines.length });
    }
  }
  return joined.map(({ batch, texts }) =>
    texts.length === 1 ? batch : { ...batch, lines: `[${texts.join(",")}]` },
  );
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
  const flags =
    (partial ? packedFlags.partial : 0) +
    (bytes === undefined ? 0 : packedFlags.bytes) +
    (lost ? packedFlags.lost : 0);
  return flags ? [STREAMS[stream], at, bytes ?? text, flags] : [STREAMS[stream], at, text];
}
