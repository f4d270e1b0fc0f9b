import { expect, test } from "bun:test";
import { runOfText, runsFrom } from "../../shared/line-runs.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import { linesIn, rowOf } from "./segment-row.ts";

const at = "2026-03-01T12:00:00.000Z";
const RUNS = 6;
const LINES_PER_RUN = 4;
const run = (first: number) =>
  runOfText("o", at, [0, 1, 2, 3].map((i) => `line ${first + i} \\n "é"`).join("\n"), LINES_PER_RUN);
const lines = runsFrom(
  101,
  Array.from({ length: RUNS }, (_, i) => run(101 + i * LINES_PER_RUN)),
);
const all = linesOf(lines);
const row = rowOf(lines).subarray(0, -1);
const readBack = (bytes: Buffer) => linesIn(bytes).flatMap(linesOf);

test("a row comes back as it was, and contains no newline", () => {
  expect(linesIn(row)).toEqual([lines]);
  expect(row.includes(0x0a)).toBe(false);
});

test("a row without its end has all whole lines before it, wherever it was cut", () => {
  for (let length = 0; length < row.length; length++) {
    const found = readBack(row.subarray(0, length));
    expect(found).toEqual(all.slice(0, found.length));
    const written = row.toString("utf8", 0, length).split(/(?<=line \d+ \\\\n \\"é\\")/).length - 1;
    // The last of them may be whole, but its end is not.
    expect(found.length).toBeGreaterThanOrEqual(Math.max(0, written - 1));
  }
});

test("a damaged row has the runs before the damage and after it, with their own numbers", () => {
  const from = row.indexOf("line 107");
  const damaged = Buffer.from(row).fill(0, from, from + 40);
  expect(readBack(damaged)).toEqual(all.filter(({ seq }) => seq < 105 || seq > 112 - LINES_PER_RUN));
});

test("wherever a row is damaged, what is left of it is right, and most of it is left", () => {
  const bodyFrom = row.indexOf("[[");
  for (let place = bodyFrom; place < row.length; place++) {
    const found = readBack(Buffer.from(row).fill(0, place, Math.min(place + 20, row.length)));
    for (const line of found) expect(line).toEqual(all[line.seq - 101] as typeof line);
    expect(found.length).toBeGreaterThanOrEqual((RUNS - 2) * LINES_PER_RUN);
  }
});

test("a row that has become part of the row before it gets no number that is not its own", () => {
  const other = rowOf(runsFrom(201, [run(201)])).subarray(0, -1);
  for (let place = row.indexOf("[["); place < row.length; place += 7) {
    for (const line of readBack(Buffer.concat([row.subarray(0, place), other])))
      expect(line).toEqual(all[line.seq - 101] as typeof line);
  }
});

test("nothing is left of a row that looks whole but has another checksum", () => {
  expect(readBack(Buffer.from(row.toString("utf8").replace("line 107", "line 999")))).toEqual([]);
});
