import { limits } from "./limits.ts";
import { type LineRun, type LogBatch, type LogLine, packedFlags } from "./log.ts";
import { letterOf, type PackedLines, packedOf } from "./packed-lines.ts";

/** Consecutive lines of one execution on their way from a job to the server. */
export interface LineRuns {
  firstSeq: number;
  lastSeq: number;
  /** Roughly how much they are in memory and in a request. */
  chars: number;
  runs: LineRun[];
}

export interface RunLimits {
  maxLines: number;
  maxChars?: number;
}

const MAX_BASE64 = Math.ceil(limits.maxLogLineLength / 3) * 4;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** What a run takes besides its text. */
const RUN_CHARS = 60;

/** The runs, of which the first line has this seq. */
export function runsFrom(firstSeq: number, runs: LineRun[]): LineRuns {
  let [count, chars] = [0, 0];
  for (const run of runs) {
    count += linesOfRun(run);
    chars += charsOf(run);
  }
  return { firstSeq, lastSeq: firstSeq + count - 1, chars, runs };
}

/** Lines that follow one another, each as a run of its own; there must be at least one. */
export function runsOf(lines: readonly LogLine[]): LineRuns {
  return runsFrom(
    lines[0]?.seq ?? 1,
    lines.map(({ stream, at, ...line }) => [letterOf[stream], at, ...packedOf(line)]),
  );
}

export function batchOf(executionId: string, { firstSeq, runs }: LineRuns): LogBatch {
  return { executionId, seq: firstSeq, runs };
}

/** How many lines the run is. */
export function linesOfRun([, , , , count = 1]: LineRun): number {
  return count;
}

export function charsOf([, , text]: LineRun): number {
  return text.length + RUN_CHARS;
}

/** Cuts the lines after as many as fit, but at least one. No `rest`: all of them fit. */
export function splitRuns(
  lines: LineRuns,
  { maxLines, maxChars = Number.POSITIVE_INFINITY }: RunLimits,
): { first: LineRuns; rest?: LineRuns } {
  const { firstSeq, lastSeq, chars, runs } = lines;
  if (chars <= maxChars && lastSeq - firstSeq < maxLines) return { first: lines };
  const taken: LineRun[] = [];
  let [linesLeft, charsLeft] = [maxLines, maxChars];
  let at = 0;
  for (
    let run = runs[at];
    run && linesLeft >= linesOfRun(run) && charsLeft >= charsOf(run);
    run = runs[++at]
  ) {
    taken.push(run);
    linesLeft -= linesOfRun(run);
    charsLeft -= charsOf(run);
  }
  const left = runs.slice(at);
  const [next] = left;
  const cut = next && cutRun(next, { maxLines: linesLeft, maxChars: charsLeft - RUN_CHARS });
  const fits = cut && linesLeft > 0 && charsOf(cut[0]) <= charsLeft;
  if (cut && (fits || taken.length === 0)) {
    taken.push(cut[0]);
    left[0] = cut[1];
  } else if (taken.length === 0) {
    taken.push(...left.splice(0, 1));
  }
  if (left.length === 0) return { first: lines };
  const first = runsFrom(firstSeq, taken);
  return { first, rest: runsFrom(first.lastSeq + 1, left) };
}

/** Lines that follow one another. There must be at least one part. */
export function joinRuns(parts: readonly LineRuns[]): LineRuns {
  return runsFrom(
    parts[0]?.firstSeq ?? 1,
    parts.flatMap(({ runs }) => runs),
  );
}

/** The run in two, the first as long as the limits allow, but at least a line; undefined: it is one line. */
function cutRun(
  [letter, at, text, , count = 1]: LineRun,
  limits: Required<RunLimits>,
): [LineRun, LineRun] | undefined {
  if (count < 2) return undefined;
  let end = text.indexOf("\n");
  let first = 1;
  while (first < Math.min(limits.maxLines, count - 1)) {
    const next = text.indexOf("\n", end + 1);
    if (next > limits.maxChars) break;
    end = next;
    first++;
  }
  return [
    runOfText(letter, at, text.slice(0, end), first),
    runOfText(letter, at, text.slice(end + 1), count - first),
  ];
}

/** Lines of one stream and one time, with a newline between each two. */
export function runOfText(letter: LineRun[0], at: string, text: string, count: number): LineRun {
  return count === 1 ? [letter, at, text] : [letter, at, text, 0, count];
}

/** Lines as they are stored. Undefined: a run has another number of lines than it says, or a line is too long or no base64. */
export function packRuns(firstSeq: number, runs: readonly LineRun[]): PackedLines | undefined {
  const rows: string[] = [];
  let count = 0;
  for (const run of runs) {
    if (!isRun(run)) return undefined;
    rows.push(rowsOf(run));
    count += linesOfRun(run);
  }
  return { firstSeq, lastSeq: firstSeq + count - 1, lines: `[${rows.join(",")}]` };
}

/** The JSON of each line, with commas between them. */
function rowsOf([letter, at, text, flags, count]: LineRun): string {
  const start = `["${letter}","${at}",`;
  const json = JSON.stringify(text);
  if (count === undefined) return flags ? `${start}${json},${flags}]` : `${start}${json}]`;
  // Where no backslash is escaped, each \n stands for a newline.
  const rows = json.includes("\\\\")
    ? text
        .split("\n")
        .map((line) => JSON.stringify(line))
        .join(`],${start}`)
    : json.replaceAll("\\n", `"],${start}"`);
  return `${start}${rows}]`;
}

function isRun([, , text, flags = 0, count]: LineRun): boolean {
  if (flags & packedFlags.bytes) return count === undefined && text.length <= MAX_BASE64 && BASE64.test(text);
  if (count === undefined) return text.length <= limits.maxLogLineLength;
  if (flags !== 0) return false;
  let [lines, start, longest] = [1, 0, 0];
  for (
    let newline = text.indexOf("\n");
    newline !== -1 && lines <= count;
    newline = text.indexOf("\n", start)
  ) {
    longest = Math.max(longest, newline - start);
    start = newline + 1;
    lines++;
  }
  return lines === count && Math.max(longest, text.length - start) <= limits.maxLogLineLength;
}
