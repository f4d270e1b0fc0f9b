import { expect, test } from "bun:test";
import { Intake } from "./intake.ts";
import { expressionOf, matchesIn, Search, type SearchQuery } from "./search.ts";
import type { PackedLine } from "./source.ts";

function intakeOf(...texts: string[]): Intake {
  const intake = new Intake();
  add(intake, 1, texts);
  return intake;
}

function add(intake: Intake, seq: number, texts: string[]): void {
  const lines = texts.map((text): PackedLine => ["o", "2026-01-01T00:00:00Z", text]);
  intake.take({ event: "lines", data: { executionId: "x", attempt: 1, seq, lines } });
}

function found({ store }: Intake, query: Partial<SearchQuery>, search?: Search): number[] {
  const made = search ?? new Search({ text: "", regex: false, matchCase: false, ...query });
  while (!made.step(store, performance.now() + 5));
  return Array.from({ length: made.reachable }, (_, i) => made.lineOf(i) ?? -1);
}

test("a line is found once for each match, in any case or in the same", () => {
  const intake = intakeOf("Error and error", "fine", "ERROR");
  expect(found(intake, { text: "error" })).toEqual([0, 0, 2]);
  expect(found(intake, { text: "error", matchCase: true })).toEqual([0]);
  expect(found(intake, { text: "nothing" })).toEqual([]);
});

test("a plain text means itself, and a regular expression means what it says", () => {
  const intake = intakeOf("a.b (c) [d]", "axb", "12 ms", "9 ms");
  expect(found(intake, { text: "a.b" })).toEqual([0]);
  expect(found(intake, { text: "(c) [d]" })).toEqual([0]);
  expect(found(intake, { text: "a.b", regex: true })).toEqual([0, 1]);
  expect(found(intake, { text: "^\\d+ ms$", regex: true })).toEqual([2, 3]);
  expect(() => expressionOf({ text: "(", regex: true, matchCase: false })).toThrow(SyntaxError);
});

test("colours within a word do not hide it, and texts beyond ASCII are found", () => {
  const intake = intakeOf("err\x1b[31mor\x1b[0m", "Grüße 😀 aus Köln", "after");
  expect(found(intake, { text: "error" })).toEqual([0]);
  expect(found(intake, { text: "KÖLN" })).toEqual([1]);
  expect(found(intake, { text: "😀" })).toEqual([1]);
  expect(found(intake, { text: "after" })).toEqual([2]);
});

test("lines that come later are found too, and lines in pieces in their place", () => {
  const intake = intakeOf("x");
  const search = new Search({ text: "x", regex: false, matchCase: true });
  expect(found(intake, {}, search)).toEqual([0]);
  intake.take({
    event: "lines",
    data: { executionId: "x", attempt: 1, seq: 2, lines: [["e", "2026-01-01T00:00:00Z", "p", 1]] },
  });
  add(intake, 3, ["x", "y", "x"]);
  intake.take({
    event: "lines",
    data: { executionId: "x", attempt: 1, seq: 6, lines: [["e", "2026-01-01T00:00:00Z", "x"]] },
  });
  expect(found(intake, {}, search)).toEqual([0, 1, 2, 4]);
  expect(search.firstFrom(2)).toBe(2);
});

test("over many pages, each match is in its line", () => {
  const texts = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${"ü".repeat(i % 60)}`);
  const intake = intakeOf(...texts);
  expect(intake.store.allPages.length).toBeGreaterThan(2);
  const expected = texts.flatMap((text, i) => (text.includes(" 19") ? [i] : []));
  expect(found(intake, { text: "line 19" })).toEqual(expected);
});

test("matches within a line, for marking them", () => {
  const expression = expressionOf({ text: "a+", regex: true, matchCase: false });
  expect(matchesIn("aa b A", expression)).toEqual([
    [0, 2],
    [5, 6],
  ]);
  expect(matchesIn("x", expressionOf({ text: "y*", regex: true, matchCase: false }))).toEqual([]);
});
