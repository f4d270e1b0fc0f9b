import { expect, test } from "bun:test";
import { readCounts, readSkipped, summaryLine } from "./junit.ts";

test("passed tests are those that neither failed nor were skipped", () => {
  const xml =
    '<?xml version="1.0"?>\n<testsuites name="bun test" tests="7" failures="2" skipped="1" time="0.1">';
  expect(readCounts(xml)).toEqual({ passed: 4, failed: 2, skipped: 1 });
});

test("skipped tests are named with their file, also those in a group", () => {
  const xml = `<testsuites name="bun test" tests="3" failures="0" skipped="2">
    <testcase name="runs" classname="" time="0.1" file="a.test.ts" line="2" assertions="0" />
    <testcase name="left &quot;out&quot; &lt;b&gt;" classname="" time="0" file="a.test.ts" line="3" assertions="0">
      <skipped />
    </testcase>
    <testsuite name="group" file="a.test.ts" line="4" tests="1" skipped="1">
      <testcase name="in it" classname="group" time="0" file="a.test.ts" line="4" assertions="0">
        <skipped />
      </testcase>
    </testsuite>`;
  expect(readSkipped(xml)).toEqual(['a.test.ts: left "out" <b>', "a.test.ts: in it"]);
});

test("a missing report counts nothing", () => {
  expect(readCounts("")).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test("the last line mentions skipped tests only if there are any", () => {
  expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
  expect(summaryLine({ passed: 12, failed: 1, skipped: 3 })).toBe("12 passed, 1 failed, 3 skipped");
});
