import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

test("a typo finds what was meant", () => {
  const names = ["submit", "list", "logs", "max-retries", "timeout"];
  const cases = { sumbit: "submit", lst: "list", log: "logs", "max-retires": "max-retries", time: "timeout" };
  for (const [typed, meant] of Object.entries(cases)) expect(nearest(typed, names)).toBe(meant);
});

test("a word that resembles no name finds nothing", () => {
  expect(nearest("frobnicate", ["submit", "list"])).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
});
