import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

test("a slip of the finger finds what was meant", () => {
  const names = ["submit", "list", "logs", "max-retries", "timeout"];
  const cases = { sumbit: "submit", lst: "list", log: "logs", "max-retires": "max-retries", time: "timeout" };
  for (const [typed, meant] of Object.entries(cases)) expect(nearest(typed, names)).toBe(meant);
});

test("what is like nothing finds nothing", () => {
  expect(nearest("frobnicate", ["submit", "list"])).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
});
