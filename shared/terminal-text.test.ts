import { expect, test } from "bun:test";
import { safeJson, safeLine, safeText } from "./terminal-text.ts";

const UNSAFE = [
  "\0",
  "\x07",
  "\b",
  "\r",
  "\x1b",
  "\x7f",
  "\x85",
  "\x9b",
  "\u061c",
  "\u200e",
  "\u200f",
  "\u2028",
];
const BIDI = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"];

test("characters that control a terminal or reverse text are replaced", () => {
  for (const character of [...UNSAFE, ...BIDI]) {
    expect(safeText(`a${character}b`)).toBe("a\ufffdb");
    expect(safeLine(`a${character}b`)).toBe("a\ufffdb");
  }
  expect(safeText("größe 日本 שלום 😀\n\tb")).toBe("größe 日本 שלום 😀\n\tb");
  expect(safeLine("a\nb\tc")).toBe("a\\nb\\tc");
});

test("JSON escapes them and keeps its meaning", () => {
  const value = { "k\u202e": [...UNSAFE, ...BIDI].join(""), n: 1 };
  const text = safeJson(value);
  expect(text).toBe(safeText(text));
  expect(JSON.parse(text)).toEqual(value);
});
