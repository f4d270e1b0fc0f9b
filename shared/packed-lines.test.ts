import { describe, expect, test } from "bun:test";
import { countPacked } from "./check-packed.ts";
import { limits } from "./limits.ts";
import { type LogLine, type PackedLine, packedLine } from "./log.ts";
import {
  continuing,
  joinPacked,
  packLines,
  rowsOf,
  splitAt,
  splitPacked,
  unpackLines,
} from "./packed-lines.ts";

const at = "2026-03-01T12:00:00.000Z";
/** Texts that look like the ends and beginnings of packed lines, or need escapes. */
const HOSTILE = [
  '],["o","',
  "],[",
  '"',
  "\\",
  "\\n",
  "\n\r\t\0",
  "",
  "é😀",
  '\\"],["e',
  "[[",
  "]]",
  "\u2028",
];

function hostileLines(count: number): LogLine[] {
  const any = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
  return Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    stream: any(["stdout", "stderr", "system"] as const),
    at,
    text: `${any(HOSTILE)}${any(HOSTILE)}${any(HOSTILE)}`,
    ...(Math.random() < 0.2 && { partial: true as const }),
    ...(Math.random() < 0.1 && { text: "", bytes: "gP8A" }),
  }));
}

describe("packed lines", () => {
  test("come back unchanged, whatever is in them and wherever they are cut and joined", () => {
    for (let round = 0; round < 200; round++) {
      const lines = hostileLines(1 + Math.floor(Math.random() * 9));
      const packed = packLines(lines);
      expect(unpackLines(packed)).toEqual(lines);
      expect(countPacked(packed.lines)).toBe(lines.length);
      expect(rowsOf(packed).map((row) => countPacked(`[[${row}]]`))).toEqual(lines.map(() => 1));
      const { first, rest } = splitAt(packed, { maxLines: 1 + Math.floor(Math.random() * 9) });
      expect([...unpackLines(first), ...(rest ? unpackLines(rest) : [])]).toEqual(lines);
      const [joined, ...more] = joinPacked([first, ...(rest ? [rest] : [])]);
      expect({ joined, more }).toEqual({ joined: packed, more: [] });
      expect(splitPacked(packed, 80).flatMap((part) => unpackLines(part))).toEqual(lines);
    }
  });

  test("are cut after as many lines and characters as fit, but at least one", () => {
    const packed = packLines(hostileLines(5).map((line) => ({ ...line, text: "x".repeat(100) })));
    expect(splitAt(packed, { maxLines: 9, maxChars: 99_999 })).toEqual({ first: packed });
    expect(splitAt(packed, { maxLines: 2 })).toMatchObject({ first: { lastSeq: 2 }, rest: { firstSeq: 3 } });
    const two = splitAt(packed, { maxLines: 9, maxChars: 310 });
    expect(two).toMatchObject({ first: { lastSeq: 2 }, rest: { firstSeq: 3, lastSeq: 5 } });
    expect(splitAt(packed, { maxLines: 9, maxChars: 1 })).toMatchObject({ first: { lastSeq: 1 } });
  });

  test("continue a log without those that it has, and not after a hole", () => {
    const packed = packLines(hostileLines(9));
    expect(continuing(packed, 0)).toBe(packed);
    expect(continuing(packed, 4)).toEqual({ ...packLines(unpackLines(packed).slice(4)) });
    expect(continuing(packed, 9)).toBeUndefined();
    expect(continuing({ ...packed, firstSeq: 3, lastSeq: 11 }, 1)).toBeUndefined();
  });
});

describe("a packed text of another program", () => {
  const line = ["o", at, "text"];
  const long = "x".repeat(limits.maxLogLineLength);

  test.each<[string, unknown]>([
    ["a line without a text", [["o", at]]],
    ["another stream", [["x", at, "a"]]],
    ["a time that is not a time", [line, ["o", "yesterday", "a"]]],
    ["a text that is a number", [["o", at, 1]]],
    ["a text that is too long", [["o", at, `${long}y`]]],
    ["unknown flags", [["o", at, "a", 8]]],
    ["bytes that are not base64", [["o", at, "a", 2]]],
    ["more than four entries", [["o", at, "a", 1, 1]]],
    ["no list", { length: 1 }],
    ["no lines", []],
    ["a line that is no list", [line, "a"]],
  ])("is refused with %s", (_, value) => {
    expect(countPacked(JSON.stringify(value))).toBeUndefined();
  });

  test.each([
    ["", "nothing"],
    [`[["o","${at}","a"]`, "no end"],
    [`[["o","${at}","a"]]]`, "more than its end"],
    [`[["o","${at}","a"],]`, "a comma at its end"],
    [`[["o","${at}","a\n"]]`, "a raw newline in a text"],
    [`[["o","${at}","a"],\n["o","${at}","a"]]`, "a raw newline between lines"],
    [`[["o","${at}","\\x"]]`, "an escape that JSON lacks"],
    [`[["o","${at}","\\u12g4"]]`, "an escape that is no number"],
    [`[["o","${at}","a\\"]]`, "a text without an end"],
  ])("is refused if it is %j: %s", (text) => {
    expect(countPacked(text)).toBeUndefined();
  });

  test("may have lines that are just short enough, however they are escaped", () => {
    expect(countPacked(JSON.stringify([["o", at, long]]))).toBe(1);
    expect(countPacked(JSON.stringify([["o", at, "\0".repeat(limits.maxLogLineLength)]]))).toBe(1);
    expect(countPacked(`[["e","${at}","\\u00e9\\/"],["s","2026-03-01T12:00:00Z","",4]]`)).toBe(2);
  });

  test("is accepted only if it is JSON whose lines are valid, whatever was changed in it", () => {
    const valid = JSON.stringify([line, ["e", at, '\\ " é \u0001', 1], ["s", at, "gP8A", 3]]);
    const pieces = ['"', "\\", "[", "]", ",", "\n", "8", "o", "", "\\u", "],["];
    for (let round = 0; round < 20_000; round++) {
      const place = Math.floor(Math.random() * valid.length);
      const piece = pieces[round % pieces.length] ?? "";
      const text = valid.slice(0, place) + piece + valid.slice(place + (round % 2));
      const count = countPacked(text);
      if (count === undefined) continue;
      const parsed = JSON.parse(text) as PackedLine[];
      expect(parsed).toHaveLength(count);
      for (const one of parsed) expect(packedLine.safeParse(one).success).toBe(true);
    }
  });
});
