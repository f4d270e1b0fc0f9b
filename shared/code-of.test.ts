import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { codeOf } from "./code-of.ts";

test("the code of a system error is found; anything else thrown has none", () => {
  let missing: unknown;
  try {
    readFileSync("/does/not/exist");
  } catch (error) {
    missing = error;
  }
  expect(codeOf(missing)).toBe("ENOENT");
  for (const thrown of [new Error("none"), { code: 11000 }, "text", null, undefined]) {
    expect(codeOf(thrown)).toBeUndefined();
  }
});
