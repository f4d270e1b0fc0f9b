import { type LogLine, type LogStream, type PackedLine, packedFlags } from "./log.ts";

/** Consecutive lines of one execution, as they travel and are stored. */
export interface PackedLines {
  firstSeq: number;
  lastSeq: number;
  /** The JSON of a list with one `PackedLine` for each line, without a raw newline. */
  lines: string;
}

export const letterOf: Record<LogStream, PackedLine[0]> = { stdout: "o", stderr: "e", system: "s" };
const STREAM_NAMES: Record<string, LogStream> = { o: "stdout", e: "stderr", s: "system" };

/** Packs lines that follow one another; there must be at least one. */
export function packLines(lines: readonly LogLine[]): PackedLines {
  const [firstSeq = 1] = [lines[0]?.seq];
  return { firstSeq, lastSeq: firstSeq + lines.length - 1, lines: JSON.stringify(lines.map(pack)) };
}

/** The lines from `fromSeq` to `toSeq`, both included. */
export function unpackLines(
  packed: PackedLines,
  fromSeq = packed.firstSeq,
  toSeq = packed.lastSeq,
): LogLine[] {
  const { firstSeq } = packed;
  const lines = JSON.parse(packed.lines) as PackedLine[];
  return lines.slice(fromSeq - firstSeq, toSeq - firstSeq + 1).map((line, i) => unpack(line, fromSeq + i));
}

export function countOf({ firstSeq, lastSeq }: PackedLines): number {
  return lastSeq - firstSeq + 1;
}

/** The part that continues a log after `lastSeq`; undefined: there is none. All of it stays as it is. */
export function continuing<Packed extends PackedLines>(packed: Packed, lastSeq: number): Packed | undefined {
  if (packed.firstSeq > lastSeq + 1 || packed.lastSeq <= lastSeq) return undefined;
  return slicePacked(packed, lastSeq + 1, packed.lastSeq);
}

/** The lines from `fromSeq` to `toSeq`, both included; there must be at least one. All of them stay as they are. */
export function slicePacked<Packed extends PackedLines>(
  packed: Packed,
  fromSeq: number,
  toSeq: number,
): Packed {
  const firstSeq = Math.max(packed.firstSeq, fromSeq);
  const lastSeq = Math.min(packed.lastSeq, toSeq);
  if (firstSeq === packed.firstSeq && lastSeq === packed.lastSeq) return packed;
  const all = JSON.parse(packed.lines) as PackedLine[];
  const lines = JSON.stringify(all.slice(firstSeq - packed.firstSeq, lastSeq - packed.firstSeq + 1));
  return { ...packed, firstSeq, lastSeq, lines };
}

/** Packed lines that follow one another become one, as long as it has at most `maxChars`. */
export function joinPacked<Packed extends PackedLines>(
  parts: readonly Packed[],
  maxChars = Number.POSITIVE_INFINITY,
  follows: (first: Packed, second: Packed) => boolean = () => true,
): Packed[] {
  const joined: { packed: Packed; texts: string[]; chars: number }[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    const isNext = last && last.packed.lastSeq + 1 === part.firstSeq && follows(last.packed, part);
    if (isNext && last.chars + part.lines.length <= maxChars) {
      last.texts.push(part.lines.slice(1, -1));
      last.chars += part.lines.length;
      last.packed = { ...last.packed, lastSeq: part.lastSeq };
    } else {
      joined.push({ packed: part, texts: [part.lines.slice(1, -1)], chars: part.lines.length });
    }
  }
  return joined.map(({ packed, texts }) =>
    texts.length === 1 ? packed : { ...packed, lines: `[${texts.join(",")}]` },
  );
}

/** The same lines in texts of at most `maxChars`. A line is never split. */
export function splitPacked<Packed extends PackedLines>(packed: Packed, maxChars: number): Packed[] {
  if (packed.lines.length <= maxChars) return [packed];
  const parts: { firstSeq: number; lastSeq: number; texts: string[]; chars: number }[] = [];
  for (const [i, line] of (JSON.parse(packed.lines) as PackedLine[]).entries()) {
    const seq = packed.firstSeq + i;
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
  return parts.map(({ firstSeq, lastSeq, texts }) => ({
    ...packed,
    firstSeq,
    lastSeq,
    lines: `[${texts.join(",")}]`,
  }));
}

function pack({ stream, at, ...line }: LogLine): PackedLine {
  return [letterOf[stream], at, ...packedOf(line)];
}

/** The text of a packed line, and its flags if it has any. */
export function packedOf({
  text,
  bytes,
  partial,
  lost,
}: Omit<LogLine, "seq" | "stream" | "at">): [text: string] | [text: string, flags: number] {
  const flags =
    (partial ? packedFlags.partial : 0) +
    (bytes === undefined ? 0 : packedFlags.bytes) +
    (lost ? packedFlags.lost : 0);
  return flags ? [bytes ?? text, flags] : [text];
}

function unpack([stream, at, text, flags = 0]: PackedLine, seq: number): LogLine {
  return {
    seq,
    stream: STREAM_NAMES[stream] ?? "system",
    at,
    ...(flags & packedFlags.bytes ? { text: "", bytes: text } : { text }),
    ...(flags & packedFlags.partial && { partial: true }),
    ...(flags & packedFlags.lost && { lost: true }),
  };
}
