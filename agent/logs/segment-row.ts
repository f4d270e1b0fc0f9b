import { crc32 } from "node:zlib";
import { countPacked } from "../../shared/check-packed.ts";
import { countOf, type PackedLines, rowsOf } from "../../shared/packed-lines.ts";

const SPACE = 0x20;
const NEWLINE = 0x0a;
/** First seq, last seq, and the length and the checksum of what follows. */
const HEAD = /^(\d{1,16}) (\d{1,16}) (\d{1,10}) (\d{1,10}) $/;
const HEAD_FIELDS = 4;
/** More than any head has. */
const MAX_HEAD_BYTES = 64;

/** A part as one row of a file: a head, the packed lines, and a newline, of which they have none. */
export function rowOf({ firstSeq, lastSeq, lines }: PackedLines): Buffer {
  const body = Buffer.from(lines);
  const head = Buffer.from(`${firstSeq} ${lastSeq} ${body.length} ${crc32(body)} `);
  return Buffer.concat([head, body, Buffer.of(NEWLINE)]);
}

/** The part in a row without its newline; of a damaged row, the lines before the damage and those after it. */
export function partsIn(row: Buffer): PackedLines[] {
  const headEnd = headLength(row);
  const [, first, last, length, sum] = HEAD.exec(row.toString("latin1", 0, headEnd)) ?? [];
  if (sum === undefined) return [];
  const body = row.subarray(headEnd);
  const part = { firstSeq: Number(first), lastSeq: Number(last), lines: body.toString("utf8") };
  if (crc32(body) === Number(sum)) return [part];
  return leftOf(part, body.length === Number(length));
}

function headLength(row: Buffer): number {
  let at = -1;
  for (let fields = 0; fields < HEAD_FIELDS; fields++) {
    at = row.indexOf(SPACE, at + 1);
    if (at === -1 || at > MAX_HEAD_BYTES) return 0;
  }
  return at + 1;
}

/** @param hasEnd its last line is where it was, so the lines after the damage can be counted from there. */
function leftOf(part: PackedLines, hasEnd: boolean): PackedLines[] {
  const { firstSeq, lastSeq, lines } = part;
  const rows = rowsOf({ ...part, lines: lines.endsWith("]]") ? lines : `${lines}]]` });
  const isWhole = rows.map((row) => countPacked(`[[${row}]]`) === 1);
  const broken = isWhole.indexOf(false);
  if (broken === -1) return [];
  const before = rows.slice(0, broken);
  const after = hasEnd ? rows.slice(isWhole.lastIndexOf(false) + 1) : [];
  if (before.length + after.length >= countOf(part)) return [];
  return [...packed(before, firstSeq), ...packed(after, lastSeq - after.length + 1)];
}

function packed(rows: readonly string[], firstSeq: number): PackedLines[] {
  if (rows.length === 0) return [];
  return [{ firstSeq, lastSeq: firstSeq + rows.length - 1, lines: `[[${rows.join("],[")}]]` }];
}
