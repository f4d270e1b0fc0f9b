import { expect, test } from "bun:test";
import { hostileLines } from "../tests/support/hostile-lines.ts";
import { linesOf } from "../tests/support/lines-of.ts";
import { joinRuns, type LineRuns, packRuns, runOfText, runsFrom, runsOf, splitRuns } from "./line-runs.ts";
import { type LineRun, type LogLine, lineRun } from "./log.ts";
import { packLines } from "./packed-lines.ts";

/** Some lines in runs of one, and some together. */
function hostileRuns(): { lines: LogLine[]; runs: LineRuns } {
  const lines = hostileLines(2 + Math.floor(Math.random() * 20));
  const runs: LineRun[] = [];
  for (let at = 0; at < lines.length; ) {
    const together = lines.slice(at, at + 1 + Math.floor(Math.random() * 5));
    const [{ at: time } = { at: "" }] = together;
    const isPlain = together.every((line) => !line.partial && line.bytes === undefined);
    if (isPlain && together.length > 1) {
      const text = together.map((line) => line.text).join("\n");
      runs.push(runOfText("o", time, text, together.length));
      for (const line of together) line.stream = "stdout";
    } else {
      runs.push(...runsOf(together).runs);
    }
    at += together.length;
  }
  return { lines, runs: runsFrom(1, runs) };
}

test("runs become the packed lines that their lines would, whatever is in them", () => {
  for (let round = 0; round < 300; round++) {
    const { lines, runs } = hostileRuns();
    for (const run of runs.runs) expect(lineRun.safeParse(run).success).toBe(true);
    expect(packRuns(1, JSON.parse(JSON.stringify(runs.runs)))).toEqual(packLines(lines));
  }
});

test("runs lose no line wherever they are cut, and are as long as the limits allow, but at least a line", () => {
  for (let round = 0; round < 300; round++) {
    const { lines, runs } = hostileRuns();
    const maxLines = 1 + Math.floor(Math.random() * 25);
    const maxChars = 1 + Math.floor(Math.random() * 800);
    const { first, rest } = splitRuns(runs, { maxLines, maxChars });
    expect([...linesOf(first), ...linesOf(rest)]).toEqual(lines);
    const count = first.lastSeq - first.firstSeq + 1;
    expect(count).toBeLessThanOrEqual(maxLines);
    if (count > 1) expect(first.chars).toBeLessThanOrEqual(maxChars);
    expect(linesOf(joinRuns(rest ? [first, rest] : [first]))).toEqual(lines);
  }
  const { lines, runs } = hostileRuns();
  expect(splitRuns(runs, { maxLines: lines.length })).toEqual({ first: runs });
  for (let seq = 1; seq < lines.length; seq++)
    expect(splitRuns(runs, { maxLines: seq }).rest?.firstSeq).toBe(seq + 1);
});
