import { expect, test } from "bun:test";
import { ParsedJson } from "./parsed-json.ts";

test("the same text gives the same value, and nobody can change it for the others", () => {
  const parsed = new ParsedJson<{ labels: Record<string, string> }>(10);
  const text = '{"labels":{"os":"linux"}}';
  const value = parsed.parse(text);
  expect(parsed.parse(text)).toBe(value);
  expect(() => {
    value.labels.os = "mars";
  }).toThrow(TypeError);
  expect(parsed.parse('{"labels":{}}')).toEqual({ labels: {} });
});

test("only so many texts are remembered, and one that was forgotten is parsed again", () => {
  const parsed = new ParsedJson<number[]>(2);
  const first = parsed.parse("[1]");
  parsed.parse("[2]");
  parsed.parse("[3]");
  expect(parsed.parse("[1]")).not.toBe(first);
  expect(parsed.parse("[1]")).toEqual([1]);
  expect(() => parsed.parse("{")).toThrow(SyntaxError);
});
