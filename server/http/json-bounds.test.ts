import { expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { checkJsonBounds } from "./json-bounds.ts";

/** The error for a text, or "" if it passes. */
function said(text: string): string {
  try {
    checkJsonBounds(text);
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(ComputeError);
    return (error as Error).message;
  }
}

const members = (count: number, value = "1") =>
  Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(",");

test("a text within the limits passes", () => {
  expect(said(`{"labels":{${members(10_000)}}}`)).toBe("");
  expect(said(`[${Array.from({ length: 10_000 }, () => "1").join(",")}]`)).toBe("");
  expect(said("[".repeat(64) + "]".repeat(64))).toBe("");
  const texts = '{"a":"{{{[[[:::,,,","b":"\\"","c":"\\\\"}';
  expect(said(texts)).toBe("");
});

test("too many entries and too many levels are rejected, and the error names the field", () => {
  expect(said(`{"name":"x","labels":{${members(10_001)}}}`)).toBe("labels: has more than 10000 entries");
  expect(said(`{"jobs":[{},{"env":{${members(10_001)}}}]}`)).toBe("jobs.1.env: has more than 10000 entries");
  expect(said(`{"after":[${"1,".repeat(10_001)}1]}`)).toBe("after: has more than 10000 entries");
  expect(said("[".repeat(5_000_000))).toContain("has more than 64 levels");
  expect(said(`{"x":${"[".repeat(100)}`)).toStartWith("x.0.0");
});

test("many small objects are bounded in total", () => {
  const jobs = Array.from({ length: 9_000 }, () => `{${members(12)}}`).join(",");
  expect(said(`{"jobs":[${jobs}]}`)).toContain("too many values");
});

test("the worst text of 16 MiB is checked within a second", () => {
  const size = 16 * 1024 * 1024;
  const worst = [
    '"\\"'.repeat(size / 3),
    "\\".repeat(size),
    '"'.repeat(size),
    "{".repeat(size),
    `{"${"\\\\".repeat(size / 2)}`,
  ];
  for (const text of worst) {
    const startMs = performance.now();
    said(text);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  }
});
