import { expect, test } from "bun:test";
import { readCounts, summaryLine } from "./junit.ts";

test("passed tests are those that neither failed nor were skipped", () => {
  const xml =
    '<?xml version="1.0"?>\n<testsuites name="bun test" tests="7" failures="2" skipped="1" time="0.1">';
  expect(readCounts(xml)).toEqual({ passed: 4, failed: 2, skipped: 1 });
});

test("a missing report counts nothing", () => {
  expect(readCounts("")).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test("the last line mentions skipped tests only if there are any", () => {
  expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
  expect(summaryLine({ passed: 12, failed: 1, skipped: 3 })).toBe("12 passed, 1 failed, 3 skipped");
});
