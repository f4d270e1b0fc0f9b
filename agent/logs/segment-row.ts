import { crc32 } from "node:zlib";
import { type LineRuns, linesOfRun, runOfText, runsFrom } from "../../shared/line-runs.ts";
import { type LineRun, lineRun } from "../../shared/log.ts";

const SPACE = 0x20;
/** First seq, last seq, and the length and the checksum of what follows. */
const HEAD = /^(\d{1,16}) (\d{1,16}) (\d{1,10}) (\d{1,10}) $/;
const HEAD_FIELDS = 4;
/** More than any head has. */
const MAX_HEAD_BYTES = 64;
/** What stands between two runs and nowhere else: in a text, a quote ends the text, and no letter follows. */
const BETWEEN = /\],\[(?="[oes]")/;

/** Lines as one row of a file: a head, the JSON of the runs, and a newline, of which they have none. */
export function rowOf({ firstSeq, lastSeq, runs }: LineRuns): Buffer {
  const body = Buffer.from(`${JSON.stringify(runs)}\n`);
  const length = body.length - 1;
  const head = `${firstSeq} ${lastSeq} ${length} ${crc32(body.subarray(0, length))} `;
  return Buffer.concat([Buffer.from(head), body]);
}

/** The lines in a row without its newline; of a damaged row, the runs before the damage and those after it. */
export function linesIn(row: Buffer): LineRuns[] {
  const headEnd = headLength(row);
  const [, first, last, length, sum] = HEAD.exec(row.toString("latin1", 0, headEnd)) ?? [];
  if (sum === undefined) return [];
  const [firstSeq, lastSeq] = [Number(first), Number(last)];
  const body = row.subarray(headEnd);
  const json = body.toString("utf8");
  if (crc32(body) === Number(sum)) return [runsFrom(firstSeq, JSON.parse(json) as LineRun[])];
  return body.length < Number(length)
    ? beforeCut(firstSeq, lastSeq, json)
    : aroundDamage(firstSeq, lastSeq, json, body.length === Number(length));
}

function headLength(row: Buffer): number {
  let at = -1;
  for (let fields = 0; fields < HEAD_FIELDS; fields++) {
    at = row.indexOf(SPACE, at + 1);
    if (at === -1 || at > MAX_HEAD_BYTES) return 0;
  }
  return at + 1;
}

/** The whole lines of a row of which the end is missing. */
function beforeCut(firstSeq: number, lastSeq: number, json: string): LineRuns[] {
  const pieces = piecesOf(json);
  const last = startOfRun(pieces.pop() ?? "");
  const runs = [...pieces.map(runIn), last, undefined];
  return inBounds(firstSeq, lastSeq, runs.slice(0, runs.indexOf(undefined)) as LineRun[]);
}

/** @param hasEnd its last line is where it was, so the lines after the damage can be counted from there. */
function aroundDamage(firstSeq: number, lastSeq: number, json: string, hasEnd: boolean): LineRuns[] {
  const runs = piecesOf(json).map(runIn);
  // If each run looks whole, nobody knows which is not.
  if (!runs.includes(undefined)) return [];
  const before = runs.slice(0, runs.indexOf(undefined)) as LineRun[];
  const after = (hasEnd ? runs.slice(runs.lastIndexOf(undefined) + 1) : []) as LineRun[];
  const [countBefore, countAfter] = [countOf(before), countOf(after)];
  if (countBefore + countAfter > lastSeq - firstSeq) return [];
  return [...inBounds(firstSeq, lastSeq, before), ...inBounds(lastSeq - countAfter + 1, lastSeq, after)];
}

function inBounds(firstSeq: number, lastSeq: number, runs: LineRun[]): LineRuns[] {
  const lines = runsFrom(firstSeq, runs);
  return runs.length === 0 || lines.lastSeq > lastSeq ? [] : [lines];
}

function countOf(runs: readonly LineRun[]): number {
  return runs.reduce((sum, run) => sum + linesOfRun(run), 0);
}

/** Each run as a list of its own; the first and the last lack what the row lacks. */
function piecesOf(json: string): string[] {
  const texts = json.split(BETWEEN);
  return texts.map((text, i) => `${i === 0 ? "" : "[["}${text}${i === texts.length - 1 ? "" : "]]"}`);
}

function runIn(piece: string): LineRun | undefined {
  try {
    const [run, ...more] = JSON.parse(piece) as unknown[];
    return more.length === 0 ? lineRun.parse(run) : undefined;
  } catch {
    return undefined;
  }
}

/** The whole lines of a run of which the end is missing; undefined: it has none. */
function startOfRun(cut: string): LineRun | undefined {
  let end = cut.lastIndexOf("\\n");
  // After an escaped backslash, an n is no newline.
  while (end > 0 && backslashesBefore(cut, end) % 2 === 1) end = cut.lastIndexOf("\\n", end - 1);
  const run = end > 0 ? runIn(`${cut.slice(0, end)}"]]`) : undefined;
  if (run?.length !== 3) return undefined;
  const [letter, at, text] = run;
  return runOfText(letter, at, text, text.split("\n").length);
}

function backslashesBefore(text: string, end: number): number {
  let count = 0;
  while (text[end - 1 - count] === "\\") count++;
  return count;
}
