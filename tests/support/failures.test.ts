import { expect, test } from "bun:test";
import { Failures } from "./failures.ts";

function failuresOf(...lines: string[]): Failures["found"] {
  const failures = new Failures();
  for (const line of lines) failures.take(line);
  return failures.found;
}

test("a failure has its file, its name and its error, with or without colours", () => {
  const found = failuresOf(
    "tests/api/a.test.ts:",
    "a line of the first test",
    "(pass) the first [1.00ms]",
    "error: expect(received).toBe(expected)",
    "\u001b[31m(fail)\u001b[0m the second > inside [2.00ms]",
    "(pass) the third [1.00ms]",
    "",
    "tests/api/b.test.ts:",
    "error: boom",
    "(fail) the fourth [2.00ms]",
  );
  expect(found).toEqual([
    {
      file: "tests/api/a.test.ts",
      name: "the second > inside [2.00ms]",
      said: ["error: expect(received).toBe(expected)"],
    },
    { file: "tests/api/b.test.ts", name: "the fourth [2.00ms]", said: ["error: boom"] },
  ]);
});

test("a test that timed out is reported as timed out", () => {
  const found = failuresOf("a.test.ts:", "(fail) slow [100.13ms]", "  ^ this test timed out after 100ms.");
  expect(found).toEqual([
    { file: "a.test.ts", name: "slow [100.13ms]", said: ["^ this test timed out after 100ms."] },
  ]);
});

test("a file that cannot be loaded is reported with the reason", () => {
  const found = failuresOf(
    "b.test.ts:",
    "",
    "# Unhandled error between tests",
    "error: Cannot find module './nothing.ts'",
    "",
    "c.test.ts:",
    "(pass) fine [1.00ms]",
  );
  expect(found).toEqual([
    { file: "b.test.ts", name: "outside its tests", said: ["error: Cannot find module './nothing.ts'", ""] },
  ]);
});

test("the list that Bun repeats at the end is not counted again", () => {
  const found = failuresOf("a.test.ts:", "(fail) bad [1.00ms]", "1 tests failed:", "(fail) bad [1.00ms]");
  expect(found).toHaveLength(1);
});

test("only the end of a long output is kept", () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  expect(failuresOf(...lines, "(fail) chatty")[0]?.said).toEqual(lines.slice(-60));
});

test("there is nothing to report if all tests passed", () => {
  expect(failuresOf("a.test.ts:", "(pass) one [1.00ms]", "(skip) two", " 1 pass")).toEqual([]);
});
